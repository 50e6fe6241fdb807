// SPDX-License-Identifier: Apache-2.0

//! Spans.

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceState};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::Resource;
use otlp_arrow_sys::{raw, Builder};

use super::{attributes, grouped, nanos};

/// SpanFlags of OTLP: whether the parent's (or linked) context came from another
/// process, and that this is known.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Builds a request of SPANS.
pub(crate) fn traces(builder: &mut Builder, spans: &[SpanData], resource: &Resource) {
    super::resource(builder, resource);
    for (scope, places) in grouped(spans.iter().map(|s| &s.instrumentation_scope)) {
        super::scope(builder, scope, None);
        for place in places {
            span(builder, &spans[place]);
        }
    }
}

fn flags(context: &SpanContext, remote: bool) -> u32 {
    let flags = u32::from(context.trace_flags().to_u8()) | HAS_IS_REMOTE;
    if remote {
        flags | IS_REMOTE
    } else {
        flags
    }
}

/// The header's text; mostly there is none, and nothing to allocate.
fn state(context: &SpanContext) -> String {
    if *context.trace_state() == TraceState::NONE {
        return String::new();
    }
    context.trace_state().header()
}

fn span(builder: &mut Builder, span: &SpanData) {
    let context = &span.span_context;
    let (status_code, status_message) = match &span.status {
        Status::Unset => (raw::OA_STATUS_UNSET, ""),
        Status::Ok => (raw::OA_STATUS_OK, ""),
        Status::Error { description } => (raw::OA_STATUS_ERROR, description.as_ref()),
    };
    builder.span(&raw::oa_span {
        trace_id: context.trace_id().to_bytes(),
        span_id: context.span_id().to_bytes(),
        parent_span_id: span.parent_span_id.to_bytes(),
        trace_state: state(context).as_str().into(),
        flags: flags(context, span.parent_span_is_remote),
        kind: match span.span_kind {
            SpanKind::Internal => raw::OA_SPAN_INTERNAL,
            SpanKind::Server => raw::OA_SPAN_SERVER,
            SpanKind::Client => raw::OA_SPAN_CLIENT,
            SpanKind::Producer => raw::OA_SPAN_PRODUCER,
            SpanKind::Consumer => raw::OA_SPAN_CONSUMER,
        },
        name: span.name.as_ref().into(),
        start_time_unix_nano: nanos(span.start_time),
        end_time_unix_nano: nanos(span.end_time),
        status_code,
        status_message: status_message.into(),
        dropped_attributes_count: span.dropped_attributes_count,
        dropped_events_count: span.events.dropped_count,
        dropped_links_count: span.links.dropped_count,
        ..Default::default()
    });
    attributes(builder, &span.attributes);
    span.events.iter().for_each(|e| event(builder, e));
    span.links.iter().for_each(|l| link(builder, l));
}

fn event(builder: &mut Builder, event: &Event) {
    builder.event(
        nanos(event.timestamp),
        &event.name,
        event.dropped_attributes_count,
    );
    attributes(builder, &event.attributes);
}

fn link(builder: &mut Builder, link: &Link) {
    let context = &link.span_context;
    builder.link(&raw::oa_span_link {
        trace_id: context.trace_id().to_bytes(),
        span_id: context.span_id().to_bytes(),
        trace_state: state(context).as_str().into(),
        flags: flags(context, context.is_remote()),
        dropped_attributes_count: link.dropped_attributes_count,
        ..Default::default()
    });
    attributes(builder, &link.attributes);
}

/// The first span without the ids that every span has to have.
pub(crate) fn without_id(spans: &[SpanData]) -> Option<(usize, &SpanData)> {
    spans
        .iter()
        .enumerate()
        .find(|(_, s)| !s.span_context.is_valid() || s.span_context.span_id() == SpanId::INVALID)
}
