use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Parameters by name: the names, and a tuple of references to the values. What a generated
/// client sends.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Named<V> {
    names: &'static [&'static str],
    values: V,
}

impl<V> Named<V> {
    /// These names for these values.
    pub const fn new(names: &'static [&'static str], values: V) -> Self {
        Self { names, values }
    }
}

macro_rules! serialize_named {
    ($($value:ident)*) => {
        impl<$($value: Serialize),*> Serialize for Named<($($value,)*)> {
            #[allow(non_snake_case, unused_mut, unused_variables)]
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let ($($value,)*) = &self.values;
                let mut names = self.names.iter();
                let mut map = serializer.serialize_map(Some(self.names.len()))?;
                $(if let Some(name) = names.next() {
                    map.serialize_entry(name, $value)?;
                })*
                map.end()
            }
        }
    };
}
crate::arity::for_each_arity!(serialize_named);

#[cfg(test)]
mod tests {
    use super::Named;

    #[test]
    fn parameters_travel_by_name_in_the_order_written() {
        let json =
            serde_json::to_string(&Named::new(&["item", "quantity"], (&"anvil", &2))).unwrap();
        assert_eq!(json, r#"{"item":"anvil","quantity":2}"#);
        assert_eq!(serde_json::to_string(&Named::new(&[], ())).unwrap(), "{}");
    }
}
