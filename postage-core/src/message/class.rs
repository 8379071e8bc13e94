//! What a type is called, as a peer is told it.

/// The path and the name of a type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) module: String,
    pub(crate) name: String,
}

impl Class {
    /// Of this type, without its generic arguments. Nothing for one that says nothing by its name: a
    /// text, a number, a tuple, a trait object.
    pub(crate) fn of<T: ?Sized>() -> Option<Self> {
        Self::read(std::any::type_name::<T>())
    }

    fn read(name: &str) -> Option<Self> {
        let path = without_generics(pointed_to(name));
        if ["alloc::string::String", "alloc::borrow::Cow"].contains(&&*path) {
            return None;
        }
        // What stands in brackets leaves nothing: `<Desk as Shop>::place::Refused` is `place::Refused`.
        let mut parts: Vec<&str> = path.split("::").filter(|part| !part.is_empty()).collect();
        let name = parts.pop()?;
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let has_name = name.chars().all(is_name) && !path.contains(char::is_whitespace);
        (has_name && !parts.is_empty())
            .then(|| Self { module: parts.join("::"), name: name.to_owned() })
    }
}

/// The type behind references and boxes: it is what went wrong.
fn pointed_to(mut name: &str) -> &str {
    const POINTERS: [&str; 3] = ["alloc::boxed::Box<", "alloc::sync::Arc<", "alloc::rc::Rc<"];
    loop {
        let behind = POINTERS.iter().find_map(|pointer| name.strip_prefix(pointer));
        let behind = behind.and_then(|inside| inside.strip_suffix('>'));
        let Some(behind) = behind.or_else(|| name.strip_prefix('&')) else { return name };
        name = behind;
    }
}

fn without_generics(name: &str) -> String {
    let (mut path, mut depth, mut before) = (String::with_capacity(name.len()), 0_usize, ' ');
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            // The arrow of a function closes nothing.
            '>' if before != '-' => depth = depth.saturating_sub(1),
            c if depth == 0 => path.push(c),
            _ => {}
        }
        before = c;
    }
    path
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;
    use std::marker::PhantomData;
    use std::sync::Arc;

    use super::*;

    struct Refused;
    struct Of<T: ?Sized>(PhantomData<T>);

    impl Of<u8> {
        fn own() -> Option<Class> {
            struct Within;
            Class::of::<Within>()
        }
    }

    fn path<T: ?Sized>() -> Option<String> {
        Class::of::<T>().map(|Class { module, name }| format!("{module} {name}"))
    }

    #[test]
    fn a_type_is_its_module_and_its_name() {
        let here = module_path!();
        assert_eq!(path::<Refused>(), Some(format!("{here} Refused")));
        assert_eq!(
            path::<std::num::ParseIntError>().as_deref(),
            Some("core::num::error ParseIntError")
        );
    }

    #[test]
    fn generics_lifetimes_references_and_boxes_are_left_out() {
        let of = Some(format!("{} Of", module_path!()));
        assert_eq!(path::<Of<Refused>>(), of);
        assert_eq!(path::<Of<Of<Cow<'static, str>>>>(), of);
        assert_eq!(path::<Of<fn(Refused) -> Refused>>(), of);
        assert_eq!(path::<&Of<dyn Error>>(), of);
        assert_eq!(path::<Box<Arc<Of<u8>>>>(), of);
    }

    #[test]
    fn a_type_within_a_method_is_found_at_the_method() {
        trait Named {
            fn of_a_trait() -> Option<Class>;
        }
        impl Named for Of<u8> {
            fn of_a_trait() -> Option<Class> {
                struct Within;
                Class::of::<Within>()
            }
        }
        for (class, method) in [(Of::<u8>::own(), "own"), (Of::<u8>::of_a_trait(), "of_a_trait")] {
            let Class { module, name } = class.unwrap();
            assert_eq!((module.rsplit("::").next(), &*name), (Some(method), "Within"));
            assert!(!module.contains(['<', ' ']), "{module}");
        }
    }

    #[test]
    fn what_says_nothing_by_its_name_has_no_class() {
        for class in [
            path::<String>(),
            path::<&str>(),
            path::<Cow<'static, str>>(),
            path::<Box<str>>(),
            path::<u32>(),
            path::<()>(),
            path::<(Refused, Refused)>(),
            path::<[Refused]>(),
            path::<[Refused; 2]>(),
            path::<dyn Error>(),
            path::<Box<dyn Error + Send + Sync>>(),
            path::<fn() -> Refused>(),
            path::<*const Refused>(),
        ] {
            assert_eq!(class, None);
        }
    }
}
