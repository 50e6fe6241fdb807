// SPDX-License-Identifier: Apache-2.0

//! Log records.

use opentelemetry_sdk::logs::{LogBatch, SdkLogRecord};
use opentelemetry_sdk::Resource;
use otlp_arrow_sys::{raw, Builder};

use super::{grouped, nanos, put_any};

/// Builds a request of the records in BATCH.  A record's target takes the place of
/// its scope's name, as in the SDK's own exporter.
pub(crate) fn logs(builder: &mut Builder, batch: &LogBatch<'_>, resource: &Resource) {
    let records: Vec<_> = batch.iter().collect();
    let keys = records
        .iter()
        .map(|(record, scope)| (*scope, record.target().map(AsRef::as_ref)));
    super::resource(builder, resource);
    for ((scope, target), places) in grouped(keys) {
        super::scope(builder, scope, target);
        for place in places {
            record(builder, records[place].0);
        }
    }
}

fn record(builder: &mut Builder, record: &SdkLogRecord) {
    let context = record.trace_context();
    builder.log_record(&raw::oa_log_record {
        time_unix_nano: record.timestamp().map_or(0, nanos),
        observed_time_unix_nano: record.observed_timestamp().map_or(0, nanos),
        severity_number: record.severity_number().map_or(0, |s| s as i32),
        severity_text: record.severity_text().unwrap_or_default().into(),
        event_name: record.event_name().unwrap_or_default().into(),
        trace_id: context.map_or([0; 16], |c| c.trace_id.to_bytes()),
        span_id: context.map_or([0; 8], |c| c.span_id.to_bytes()),
        flags: context
            .and_then(|c| c.trace_flags)
            .map_or(0, |f| f.to_u8().into()),
        ..Default::default()
    });
    for (key, value) in record.attributes_iter() {
        put_any(builder, key.as_str(), value, 0);
    }
    if let Some(body) = record.body() {
        builder.body();
        put_any(builder, "", body, 0);
    }
}
