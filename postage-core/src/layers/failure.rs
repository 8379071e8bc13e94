use std::borrow::Cow;

/// That a layer stopped a message before its handler had ended, as an exception says it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) name: Cow<'static, str>,
    pub(crate) text: String,
    /// Whether it was too much at once: nothing has begun.
    pub(crate) shed: bool,
}

#[cfg(feature = "tower")]
mod named {
    use std::borrow::Cow;
    use std::error::Error;

    use tower::load_shed::error::Overloaded;
    use tower::timeout::error::Elapsed;

    use super::Failure;
    use crate::message::RemoteException;

    impl Failure {
        /// Named by the first error of the chain that has a name here: layers wrap each other's.
        pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
            let mut causes = std::iter::successors(Some(error), |&error| error.source());
            causes.find_map(Self::named).unwrap_or_else(|| Self {
                name: Cow::Borrowed("LayerError"),
                text: error.to_string(),
                shed: false,
            })
        }

        fn named(error: &(dyn Error + 'static)) -> Option<Self> {
            let tower =
                |name, shed| Self { name: Cow::Borrowed(name), text: error.to_string(), shed };
            if let Some(raised) = error.downcast_ref::<RemoteException>() {
                let (name, text) = (Cow::Owned(raised.name.clone()), raised.message.clone());
                return Some(Self { name, text, shed: false });
            }
            if error.is::<Overloaded>() {
                return Some(tower("Overloaded", true));
            }
            error.is::<Elapsed>().then(|| tower("HandlerTimeout", false))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[derive(Debug, thiserror::Error)]
        #[error("the gate is shut")]
        struct Gate(#[source] Option<Box<dyn Error>>);

        fn named(error: impl Error + 'static) -> (String, String, bool) {
            let Failure { name, text, shed } = Failure::of(&error);
            (name.into_owned(), text, shed)
        }

        fn told(name: &str, text: &str, shed: bool) -> (String, String, bool) {
            (name.to_owned(), text.to_owned(), shed)
        }

        #[test]
        fn an_exception_is_named_by_the_error_also_where_it_is_wrapped() {
            for wrapped in [false, true] {
                let named = |error: Box<dyn Error>| match wrapped {
                    true => named(Gate(Some(error))),
                    false => {
                        let Failure { name, text, shed } = Failure::of(&*error);
                        (name.into_owned(), text, shed)
                    }
                };
                let elapsed = named(Box::new(Elapsed::new()));
                assert_eq!(elapsed, told("HandlerTimeout", "request timed out", false));
                let overloaded = named(Box::new(Overloaded::new()));
                assert_eq!(overloaded, told("Overloaded", "service overloaded", true));
                let own = named(Box::new(RemoteException::new("Forbidden", "no badge")));
                assert_eq!(own, told("Forbidden", "no badge", false));
            }
            assert_eq!(named(Gate(None)), told("LayerError", "the gate is shut", false));
        }
    }
}
