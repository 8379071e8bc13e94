//! JSON Schemas of what travels, where types say their own.
//!
//! Generated code names each type in `schema!`. Without the feature `schema` that is nothing at all;
//! with it, the type is asked whether it implements `schemars::JsonSchema`, and need not.

mod digest;

use std::fmt;

use serde_json::Value;

/// Which way a value goes: serde may read a type in another form than it writes it.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// A parameter, to the handler.
    Asked,
    /// A result or an error, from the handler.
    Answered,
}

/// Where the schema of a type is found, if it has one.
#[derive(Clone, Copy)]
pub struct SchemaSource(Option<fn(Way) -> Value>);

impl SchemaSource {
    /// The type has none, or the feature is off.
    pub const NONE: Self = Self(None);

    pub(crate) fn schema(self, way: Way) -> Option<Value> {
        self.0.map(|schema| schema(way))
    }

    /// A digest of what must be there for a reader of the type: the same for all that read the same.
    pub(crate) fn digest(self) -> Option<u32> {
        self.schema(Way::Asked).map(|schema| digest::of(&schema))
    }

    /// The schema of one field of the struct that this is the schema of.
    pub(crate) fn field(self, way: Way, name: &str) -> Option<Value> {
        let mut whole = self.schema(way)?;
        let mut field = whole.get_mut("properties")?.get_mut(name)?.take();
        if let (Some(field), Some(shared)) = (field.as_object_mut(), whole.get_mut("$defs")) {
            field.insert("$defs".to_owned(), shared.take());
        }
        Some(field)
    }
}

/// Whether there is one; where it is in memory says nothing.
impl fmt::Debug for SchemaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a schema" } else { "no schema" })
    }
}

/// `schema!(T)` is the [`SchemaSource`] of a type; `value of H, P` and `error of H, P` are those of
/// what a handler struct answers for a service.
#[cfg(not(feature = "schema"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __postage_schema {
    ($($what:tt)*) => {
        $crate::__private::SchemaSource::NONE
    };
}

#[cfg(feature = "schema")]
#[doc(hidden)]
#[macro_export]
macro_rules! __postage_schema {
    (value of $handler:ty, $service:ty) => {{
        use $crate::__private::NoAnswer as _;
        <$crate::__private::AnswerProbe<$handler, $service>>::VALUE
    }};
    (error of $handler:ty, $service:ty) => {{
        use $crate::__private::NoAnswer as _;
        <$crate::__private::AnswerProbe<$handler, $service>>::ERROR
    }};
    ($type:ty) => {{
        use $crate::__private::NoSchema as _;
        <$crate::__private::SchemaProbe<$type>>::SCHEMA
    }};
}

#[cfg(feature = "schema")]
pub use probe::{AnswerProbe, NoAnswer, NoSchema, SchemaProbe};

/// Constants that are found before a trait's where the bounds hold, and the traits for where not.
#[cfg(feature = "schema")]
mod probe {
    use std::marker::PhantomData;

    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::{SchemaSource, Way};
    use crate::processor::Handle;

    /// Asks whether a type has a schema.
    pub struct SchemaProbe<T: ?Sized>(PhantomData<T>);

    impl<T: JsonSchema + ?Sized> SchemaProbe<T> {
        /// The type's own.
        pub const SCHEMA: SchemaSource = of::<T>();
    }

    /// Answers for every type without a schema.
    pub trait NoSchema {
        /// None.
        const SCHEMA: SchemaSource = SchemaSource::NONE;
    }

    impl<T: ?Sized> NoSchema for SchemaProbe<T> {}

    /// Asks whether what a handler struct answers for a service has a schema. What is no handler is
    /// reported where it is called.
    pub struct AnswerProbe<H, P>(PhantomData<(H, P)>);

    impl<H: Handle<P>, P> AnswerProbe<H, P>
    where
        H::Value: JsonSchema,
    {
        /// The value's own.
        pub const VALUE: SchemaSource = of::<H::Value>();
    }

    impl<H: Handle<P>, P> AnswerProbe<H, P>
    where
        H::Error: JsonSchema,
    {
        /// The error's own.
        pub const ERROR: SchemaSource = of::<H::Error>();
    }

    /// Answers for every answer without a schema.
    pub trait NoAnswer {
        /// None.
        const VALUE: SchemaSource = SchemaSource::NONE;
        /// None.
        const ERROR: SchemaSource = SchemaSource::NONE;
    }

    impl<H, P> NoAnswer for AnswerProbe<H, P> {}

    const fn of<T: JsonSchema + ?Sized>() -> SchemaSource {
        SchemaSource(Some(schema::<T>))
    }

    fn schema<T: JsonSchema + ?Sized>(way: Way) -> Value {
        // The dialect is documented once, instead of in each of them.
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        let settings = match way {
            Way::Asked => settings.for_deserialize(),
            Way::Answered => settings.for_serialize(),
        };
        settings.into_generator().into_root_schema_for::<T>().to_value()
    }
}
