use serde_json::Value;

use crate::schema::{SchemaSource, Way};

/// A parameter of a [`Method`](crate::Method).
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) rust_type: &'static str,
    schema: SchemaSource,
    /// The schema is that of a struct, of which this is a field.
    of_struct: bool,
}

impl Parameter {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, rust_type: &'static str) -> Self {
        Self { name, rust_type, schema: SchemaSource::NONE, of_struct: false }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_schema(mut self, schema: SchemaSource) -> Self {
        self.schema = schema;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_schema_of_struct(mut self, schema: SchemaSource) -> Self {
        self.schema = schema;
        self.of_struct = true;
        self
    }

    /// The name, in Rust and on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The type, as written.
    #[must_use]
    pub const fn rust_type(&self) -> &'static str {
        self.rust_type
    }

    /// The JSON Schema of what may be sent for it, made anew. `None` where the type has
    /// [none](crate::Contract#schemas).
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        if self.of_struct {
            self.schema.field(Way::Asked, self.name)
        } else {
            self.schema.schema(Way::Asked)
        }
    }
}

/// Equal are those of one name and one type as written.
impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.rust_type) == (other.name, other.rust_type)
    }
}

impl Eq for Parameter {}
