// SPDX-License-Identifier: Apache-2.0

//! Values out of OTLP/JSON as the C library writes it: ids in hexadecimal, 64-bit
//! integers as texts, bytes in base64.

use std::collections::{BTreeMap, HashMap};

use opentelemetry::logs::AnyValue;
use opentelemetry::Key;
use serde_json::Value;

pub(super) fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

pub(super) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// An integer, written as a number or as a text.
fn whole<T: TryFrom<i64> + TryFrom<u64> + std::str::FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => match number.as_u64() {
            Some(n) => T::try_from(n).ok(),
            None => number.as_i64().and_then(|n| T::try_from(n).ok()),
        },
        _ => None,
    }
}

pub(super) fn unsigned(of: &Value, name: &str) -> u64 {
    whole(&of[name]).unwrap_or_default()
}

pub(super) fn signed(of: &Value, name: &str) -> i64 {
    whole(&of[name]).unwrap_or_default()
}

pub(super) fn maybe_signed(of: &Value, name: &str) -> Option<i64> {
    whole(&of[name])
}

pub(super) fn double(of: &Value, name: &str) -> Option<f64> {
    as_double(&of[name])
}

pub(super) fn as_double(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(), // NaN, Infinity
        value => value.as_f64(),
    }
}

pub(super) fn counts(of: &Value, name: &str) -> Vec<u64> {
    list(of, name).iter().filter_map(whole).collect()
}

/// An id; none when it is not there.
pub(super) fn id<const N: usize>(of: &Value, name: &str) -> Option<[u8; N]> {
    let hex = of[name].as_str()?;
    let mut out = [0; N];
    if hex.len() != 2 * N || !hex.is_ascii() {
        return None;
    }
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

/// Attributes that have a value.
pub(super) fn attributes(of: &Value) -> BTreeMap<String, AnyValue> {
    list(of, "attributes")
        .iter()
        .filter_map(|pair| Some((text(pair, "key"), any(&pair["value"])?)))
        .collect()
}

/// An `AnyValue`; none when no member is set.
pub(super) fn any(of: &Value) -> Option<AnyValue> {
    let (kind, value) = of.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "stringValue" => AnyValue::String(value.as_str()?.to_owned().into()),
        "boolValue" => AnyValue::Boolean(value.as_bool()?),
        "intValue" => AnyValue::Int(whole(value)?),
        "doubleValue" => AnyValue::Double(as_double(value)?),
        "bytesValue" => AnyValue::Bytes(Box::new(base64(value.as_str()?)?)),
        "arrayValue" => {
            let items = list(value, "values").iter().filter_map(any).collect();
            AnyValue::ListAny(Box::new(items))
        }
        "kvlistValue" => {
            let members: HashMap<Key, AnyValue> = list(value, "values")
                .iter()
                .filter_map(|pair| Some((Key::from(text(pair, "key")), any(&pair["value"])?)))
                .collect();
            AnyValue::Map(Box::new(members))
        }
        _ => return None,
    })
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_kind_are_read() {
        let value = json!({"kvlistValue": {"values": [
            {"key": "n", "value": {"intValue": "-9223372036854775808"}},
            {"key": "b", "value": {"bytesValue": "AP9+"}},
            {"key": "l", "value": {"arrayValue": {"values": [{"doubleValue": "NaN"}]}}},
        ]}});
        let Some(AnyValue::Map(map)) = any(&value) else {
            panic!("no map");
        };
        assert_eq!(map[&Key::from("n")], AnyValue::Int(i64::MIN));
        assert_eq!(
            map[&Key::from("b")],
            AnyValue::Bytes(Box::new(vec![0, 255, 126]))
        );
        let AnyValue::ListAny(list) = &map[&Key::from("l")] else {
            panic!("no list");
        };
        assert!(matches!(list[0], AnyValue::Double(n) if n.is_nan()));
        assert_eq!(any(&json!({})), None);
    }

    #[test]
    fn ids_have_their_length() {
        let of = json!({"a": "0102030405060708", "b": "01"});
        assert_eq!(id::<8>(&of, "a"), Some([1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(id::<8>(&of, "b"), None);
        assert_eq!(id::<8>(&of, "c"), None);
    }
}
