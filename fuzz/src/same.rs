use serde_json::Value;

/// Whether two values are the same, but for the last digits of their fractions: `serde_json` reads
/// those to within a bit unless it is told to take its time.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(0.0));
            // The least fractions have few digits, of which one may differ.
            (one - other).abs() <= one.abs().max(other.abs()) * f64::EPSILON * 4.0 + 1e-322
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|it| same(value, it)))
        }
        (one, other) => one == other,
    }
}
