// SPDX-License-Identifier: Apache-2.0

//! From the SDK's objects into an export request: every field of theirs, by
//! reference, without a copy in between.

mod logs;
mod metrics;
mod traces;

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use otlp_arrow_sys::raw::{oa_resource, oa_scope};
use otlp_arrow_sys::Builder;

pub(crate) use logs::logs;
pub(crate) use metrics::metrics;
pub(crate) use traces::{traces, without_id};

/// Arrays and maps inside each other.  The builder takes no more, and what is in
/// one that is deeper must not cost the records beside it.
const DEEPEST: u32 = 60;
/// What is stored in the place of what is deeper.
const TOO_DEEP: &str = "(nested deeper than 60 levels)";

/// Times before 1970 do not exist in OTLP.
fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn resource(builder: &mut Builder, resource: &Resource) {
    builder.resource(Some(&oa_resource {
        schema_url: resource.schema_url().unwrap_or_default().into(),
        ..Default::default()
    }));
    for (key, value) in resource {
        put(builder, key.as_str(), value);
    }
}

/// Opens a scope, under another name where there is one.
fn scope(builder: &mut Builder, scope: &InstrumentationScope, name: Option<&str>) {
    builder.scope(Some(&oa_scope {
        name: name.unwrap_or(scope.name()).into(),
        version: scope.version().unwrap_or_default().into(),
        schema_url: scope.schema_url().unwrap_or_default().into(),
        ..Default::default()
    }));
    attributes(builder, scope.attributes());
}

fn attributes<'a>(builder: &mut Builder, pairs: impl IntoIterator<Item = &'a KeyValue>) {
    for pair in pairs {
        put(builder, pair.key.as_str(), &pair.value);
    }
}

fn put(builder: &mut Builder, key: &str, value: &Value) {
    match value {
        Value::Bool(b) => builder.bool(key, *b),
        Value::I64(i) => builder.int(key, *i),
        Value::F64(f) => builder.double(key, *f),
        Value::String(s) => builder.string(key, s.as_str()),
        Value::Array(array) => {
            builder.array(key);
            put_items(builder, array);
            builder.end();
        }
        // A kind that a newer API has is kept as its text.
        other => builder.string(key, &other.as_str()),
    }
}

fn put_items(builder: &mut Builder, array: &Array) {
    match array {
        Array::Bool(all) => all.iter().for_each(|b| builder.bool("", *b)),
        Array::I64(all) => all.iter().for_each(|i| builder.int("", *i)),
        Array::F64(all) => all.iter().for_each(|f| builder.double("", *f)),
        Array::String(all) => all.iter().for_each(|s| builder.string("", s.as_str())),
        other => builder.string("", &other.to_string()),
    }
}

/// A value of a log record.
fn put_any(builder: &mut Builder, key: &str, value: &AnyValue, depth: u32) {
    match value {
        AnyValue::Int(i) => builder.int(key, *i),
        AnyValue::Double(f) => builder.double(key, *f),
        AnyValue::String(s) => builder.string(key, s.as_str()),
        AnyValue::Boolean(b) => builder.bool(key, *b),
        AnyValue::Bytes(bytes) => builder.bytes(key, bytes),
        AnyValue::ListAny(_) | AnyValue::Map(_) if depth >= DEEPEST => {
            builder.string(key, TOO_DEEP);
        }
        AnyValue::ListAny(all) => {
            builder.array(key);
            all.iter().for_each(|v| put_any(builder, "", v, depth + 1));
            builder.end();
        }
        AnyValue::Map(all) => {
            builder.map(key);
            all.iter()
                .for_each(|(k, v)| put_any(builder, k.as_str(), v, depth + 1));
            builder.end();
        }
        other => builder.string(key, &format!("{other:?}")),
    }
}

/// The places of items by what they belong to, in the order of first appearance.
/// Mostly all items of a batch belong to one scope, and those of another follow
/// each other.
fn grouped<K: Hash + Eq + Copy>(keys: impl Iterator<Item = K>) -> Vec<(K, Vec<usize>)> {
    let mut groups: Vec<(K, Vec<usize>)> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    let mut last = 0;
    for (place, key) in keys.enumerate() {
        if groups.get(last).is_none_or(|(of, _)| *of != key) {
            last = *known.entry(key).or_insert_with(|| {
                groups.push((key, Vec::new()));
                groups.len() - 1
            });
        }
        groups[last].1.push(place);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order_of_their_first_items() {
        let groups = grouped(["b", "a", "b", "b", "c", "a"].into_iter());
        assert_eq!(
            groups,
            [("b", vec![0, 2, 3]), ("a", vec![1, 5]), ("c", vec![4])]
        );
    }

    fn nested(levels: u32) -> AnyValue {
        (0..levels).fold(AnyValue::Int(1), |inner, i| {
            if i % 2 == 0 {
                AnyValue::ListAny(Box::new(vec![inner]))
            } else {
                AnyValue::Map(Box::new([("k".into(), inner)].into()))
            }
        })
    }

    #[test]
    fn a_value_that_is_too_deep_costs_no_other() {
        for levels in [59, 60, 61, 64, 65, 100, 1000] {
            let mut builder = Builder::new(otlp_arrow_sys::Signal::Logs).unwrap();
            builder.resource(None);
            builder.scope(None);
            builder.log_record(&Default::default());
            put_any(&mut builder, "deep", &nested(levels), 0);
            builder.body();
            put_any(&mut builder, "", &nested(levels), 0);
            builder.log_record(&Default::default());
            let request = builder.finish().unwrap();
            let cut = request
                .windows(TOO_DEEP.len())
                .filter(|bytes| *bytes == TOO_DEEP.as_bytes());
            assert_eq!(
                cut.count(),
                if levels > DEEPEST { 2 } else { 0 },
                "{levels}"
            );
        }
    }

    #[test]
    fn times_before_1970_are_0() {
        assert_eq!(nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(nanos(UNIX_EPOCH + Duration::from_nanos(7)), 7);
    }
}
