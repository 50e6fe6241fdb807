// SPDX-License-Identifier: Apache-2.0

//! A C compiler says whether what stands in raw.rs is what stands in the header.

use std::fmt::Write as _;
use std::io::Write as _;
use std::mem::{align_of, offset_of};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const HEADER: &str = "#include <otlp_arrow.h>\n";

/// What the compiler says about the header with TEXT behind it.
fn compile(text: &str) -> Result<(), String> {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/include");
    let mut compiler = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-x", "c"])
        .arg("-I")
        .arg(include)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs a C compiler");
    let mut input = compiler.stdin.take().expect("piped");
    write!(input, "{HEADER}{text}").expect("the compiler reads");
    drop(input);
    let done = compiler.wait_with_output().expect("the compiler ends");
    if done.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

macro_rules! layouts {
    ($out:ident; $($c:literal $name:ident { $($field:ident),* $(,)? })*) => {$(
        let size = size_of::<$name>();
        let align = align_of::<$name>();
        writeln!($out, "_Static_assert(sizeof({0}) == {size}, \"{0}\");", $c).unwrap();
        writeln!($out, "_Static_assert(_Alignof({0}) == {align}, \"{0}\");", $c).unwrap();
        let mut fields = 0;
        $(
            let at = offset_of!($name, $field);
            let name = stringify!($field).trim_start_matches("r#");
            writeln!($out, "_Static_assert(offsetof({0}, {name}) == {at}, \"{0}.{name}\");", $c)
                .unwrap();
            fields += 1;
        )*
        assert!(fields > 0);
    )*};
}

#[test]
fn structs_have_the_layout_of_the_header() {
    let mut c = String::new();
    layouts! { c;
        "oa_error" oa_error { code, text }
        "oa_str" oa_str { data, len }
        "oa_export_result" oa_export_result { accepted, rejected, repaired, retry_after_ms, reason }
        "oa_signal_stats" oa_signal_stats { received, rejected, stored, given_up, buffered, refused }
        "oa_forward_signal_stats" oa_forward_signal_stats { forwarded, passed_over, waiting }
        "oa_service_stats" oa_service_stats {
            size, signals, bytes_buffered, memory_used, forwards,
        }
        "oa_resource" oa_resource { size, schema_url, dropped_attributes_count }
        "oa_scope" oa_scope { size, name, version, schema_url, dropped_attributes_count }
        "oa_span" oa_span {
            size, trace_id, span_id, parent_span_id, trace_state, flags, kind, name,
            start_time_unix_nano, end_time_unix_nano, status_code, status_message,
            dropped_attributes_count, dropped_events_count, dropped_links_count,
        }
        "oa_span_link" oa_span_link {
            size, trace_id, span_id, trace_state, flags, dropped_attributes_count,
        }
        "oa_metric" oa_metric {
            size, name, description, unit, r#type, temporality, is_monotonic,
        }
        "oa_number" oa_number { r#type, value }
        "oa_number_point" oa_number_point {
            size, start_time_unix_nano, time_unix_nano, number, flags,
        }
        "oa_histogram_point" oa_histogram_point {
            size, start_time_unix_nano, time_unix_nano, count, has, sum, min, max,
            bucket_counts, explicit_bounds, flags,
        }
        "oa_buckets" oa_buckets { offset, counts }
        "oa_exponential_histogram_point" oa_exponential_histogram_point {
            size, start_time_unix_nano, time_unix_nano, count, has, sum, min, max, scale,
            zero_count, zero_threshold, positive, negative, flags,
        }
        "oa_quantile" oa_quantile { quantile, value }
        "oa_summary_point" oa_summary_point {
            size, start_time_unix_nano, time_unix_nano, count, sum, quantiles, flags,
        }
        "oa_exemplar" oa_exemplar { size, time_unix_nano, number, trace_id, span_id }
        "oa_log_record" oa_log_record {
            size, time_unix_nano, observed_time_unix_nano, severity_number, severity_text,
            event_name, trace_id, span_id, flags, dropped_attributes_count,
        }
        "oa_stored_options" oa_stored_options { size, from_ns, to_ns }
        "struct ArrowArrayStream" ArrowArrayStream {
            get_schema, get_next, get_last_error, release, private_data,
        }
    }
    for (name, field, at) in [
        (
            "oa_histogram_point",
            "bucket_count",
            offset_of!(oa_histogram_point, bucket_counts.len),
        ),
        (
            "oa_histogram_point",
            "bound_count",
            offset_of!(oa_histogram_point, explicit_bounds.len),
        ),
        ("oa_buckets", "count", offset_of!(oa_buckets, counts.len)),
        (
            "oa_summary_point",
            "quantile_count",
            offset_of!(oa_summary_point, quantiles.len),
        ),
    ] {
        writeln!(
            c,
            "_Static_assert(offsetof({name}, {field}) == {at}, \"{name}.{field}\");"
        )
        .unwrap();
    }
    compile(&c).unwrap();
}

macro_rules! constants {
    ($out:ident; $($name:ident)*) => {$(
        writeln!($out, "_Static_assert({0} == {1}, \"{0}\");", stringify!($name), $name).unwrap();
    )*};
}

#[test]
fn constants_have_the_values_of_the_header() {
    let mut c = String::new();
    constants! { c;
        OA_OK OA_ERR_NOMEM OA_ERR_TRUNCATED OA_ERR_MALFORMED OA_ERR_LIMIT OA_ERR_BUSY OA_ERR_IO
        OA_ERR_CONFIG OA_ERR_UNSUPPORTED OA_ERR_NOT_FOUND OA_END OA_ERR_CLOSED
        OA_ERROR_TEXT_SIZE OA_TRACES OA_METRICS OA_LOGS OA_FORM_PROTOBUF OA_FORM_JSON
        OA_SPAN_UNSPECIFIED OA_SPAN_INTERNAL OA_SPAN_SERVER OA_SPAN_CLIENT OA_SPAN_PRODUCER
        OA_SPAN_CONSUMER OA_STATUS_UNSET OA_STATUS_OK OA_STATUS_ERROR OA_GAUGE OA_SUM
        OA_HISTOGRAM OA_EXPONENTIAL_HISTOGRAM OA_SUMMARY OA_TEMPORALITY_UNSPECIFIED OA_DELTA
        OA_CUMULATIVE OA_NUMBER_NONE OA_INT OA_DOUBLE OA_HAS_SUM OA_HAS_MIN OA_HAS_MAX
        OA_LISTENER_PROTOBUF OA_LISTENER_ARROW_FLIGHT OA_LISTENER_DASHBOARD
    }
    for name in [
        "oa_status",
        "oa_signal",
        "oa_form",
        "oa_span_kind",
        "oa_span_status",
        "oa_metric_type",
        "oa_temporality",
        "oa_number_type",
        "oa_listener",
    ] {
        writeln!(
            c,
            "_Static_assert(sizeof({name}) == sizeof(int), \"{name}\");"
        )
        .unwrap();
    }
    compile(&c).unwrap();
}

/// A type of Rust as C has it.
fn type_in_c(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(rest) = rust.strip_prefix("*mut ") {
        return format!("{}*", type_in_c(rest));
    }
    if let Some(rest) = rust.strip_prefix("*const ") {
        return format!("const {}*", type_in_c(rest));
    }
    match rust {
        "c_char" => "char ".to_owned(),
        "c_int" => "int ".to_owned(),
        "c_void" => "void ".to_owned(),
        "usize" => "size_t ".to_owned(),
        "f64" => "double ".to_owned(),
        "i64" | "u16" | "u32" | "u64" => {
            let sign = if rust.starts_with('u') { "u" } else { "" };
            format!("{sign}int{}_t ", &rust[1..])
        }
        "ArrowArrayStream" => "struct ArrowArrayStream ".to_owned(),
        name => format!("{name} "),
    }
}

/// The functions of raw.rs: name, declaration in C.
fn declared() -> Vec<(String, String)> {
    let text = include_str!("../raw.rs");
    let block = text.split("extern \"C\" {\n").nth(1).expect("a block");
    let block = block.split("\n}").next().expect("its end");
    let mut found = Vec::new();
    for part in block.split("pub fn ").skip(1) {
        let (name, rest) = part.split_once('(').expect("parameters");
        let (parameters, rest) = rest.split_once(')').expect("their end");
        let result = rest
            .split(';')
            .next()
            .and_then(|r| r.split_once("->"))
            .map_or_else(|| "void ".to_owned(), |(_, r)| type_in_c(r));
        let types: Vec<String> = parameters
            .split(',')
            .filter_map(|p| p.split_once(':'))
            .map(|(_, t)| type_in_c(t))
            .collect();
        let list = if types.is_empty() {
            "void".to_owned()
        } else {
            types.join(", ")
        };
        found.push((name.to_owned(), format!("{result}{name}({list});\n")));
    }
    found
}

#[test]
fn functions_have_the_types_of_the_header() {
    let functions = declared();
    assert!(functions.len() > 40, "{}", functions.len());
    let all: String = functions.iter().map(|(_, c)| c.as_str()).collect();
    compile(&all).unwrap();
}

#[test]
fn every_function_of_the_builder_is_declared() {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/include/otlp_arrow_builder.h");
    let text = std::fs::read_to_string(header).unwrap();
    let names: Vec<String> = declared().into_iter().map(|(name, _)| name).collect();
    let mut seen = 0;
    for part in text.split("OA_API ").skip(1) {
        let name = part.split('(').next().unwrap();
        let name = name.rsplit([' ', '*']).next().unwrap().trim();
        assert!(names.iter().any(|n| n == name), "{name} is not in raw.rs");
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn a_difference_is_found() {
    let wrong = [
        "_Static_assert(sizeof(oa_str) == 8, \"\");",
        "void oa_build_int(oa_builder *, oa_str, int32_t);",
        "_Static_assert(OA_ERR_BUSY == 5, \"\");",
    ];
    for text in wrong {
        assert!(compile(text).is_err(), "{text}");
    }
}
