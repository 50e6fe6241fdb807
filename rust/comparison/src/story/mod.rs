// SPDX-License-Identifier: Apache-2.0

//! One of everything that the SDK can tell.

mod points;
mod records;
mod spans;

use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};

pub use points::{tell_points, view};
pub use records::tell_records;
pub use spans::tell_spans;

fn scopes() -> [InstrumentationScope; 3] {
    [
        InstrumentationScope::builder("plain").build(),
        InstrumentationScope::builder("full")
            .with_version("1.2")
            .with_schema_url("https://schema.example/scope")
            .with_attributes(every_type())
            .build(),
        InstrumentationScope::builder("full")
            .with_version("1.3")
            .build(),
    ]
}

/// Attributes of every type of value.
pub fn every_type() -> Vec<KeyValue> {
    let texts = vec![
        StringValue::from("a"),
        StringValue::from(""),
        StringValue::from("é"),
    ];
    vec![
        KeyValue::new("text", "é\u{1f980}"),
        KeyValue::new("none", ""),
        KeyValue::new("owned", "x".repeat(70_000)),
        KeyValue::new("smallest", i64::MIN),
        KeyValue::new("largest", i64::MAX),
        KeyValue::new("double", 2.5),
        KeyValue::new("infinity", f64::INFINITY),
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("minus zero", -0.0),
        KeyValue::new("yes", true),
        KeyValue::new("texts", Value::Array(Array::String(texts))),
        KeyValue::new("numbers", Value::Array(Array::I64(vec![1, -2]))),
        KeyValue::new(
            "doubles",
            Value::Array(Array::F64(vec![0.5, f64::NEG_INFINITY])),
        ),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("nothing", Value::Array(Array::I64(Vec::new()))),
    ]
}
