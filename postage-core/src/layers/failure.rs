use crate::message::RemoteException;

/// That a layer stopped a message before its handler had ended.
#[derive(Debug)]
pub(crate) struct Failure {
    /// As its caller is told it.
    pub(crate) raised: Box<RemoteException>,
    /// Whether it was too much at once: nothing has begun.
    pub(crate) shed: bool,
}

#[cfg(feature = "tower")]
mod named {
    use std::error::Error;

    use tower::load_shed::error::Overloaded;
    use tower::timeout::error::Elapsed;

    use super::Failure;
    use crate::message::{RemoteException, causes};

    impl Failure {
        /// Named by the first error of the chain that has a name here: layers wrap each other's.
        pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
            let mut chain = std::iter::successors(Some(error), |&error| error.source());
            chain.find_map(Self::named).unwrap_or_else(|| {
                let raised = RemoteException::new("LayerError", error.to_string());
                Self::raised(raised.with_trace(causes(error.source())), false)
            })
        }

        fn raised(raised: RemoteException, shed: bool) -> Self {
            Self { raised: Box::new(raised), shed }
        }

        fn named(error: &(dyn Error + 'static)) -> Option<Self> {
            let tower =
                |name, shed| Self::raised(RemoteException::new(name, error.to_string()), shed);
            if let Some(raised) = error.downcast_ref::<RemoteException>() {
                return Some(Self::raised(raised.clone(), false));
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
            read(Failure::of(&error))
        }

        fn read(Failure { raised, shed }: Failure) -> (String, String, bool) {
            (raised.name, raised.message, shed)
        }

        fn told(name: &str, text: &str, shed: bool) -> (String, String, bool) {
            (name.to_owned(), text.to_owned(), shed)
        }

        #[test]
        fn an_exception_is_named_by_the_error_also_where_it_is_wrapped() {
            for wrapped in [false, true] {
                let named = |error: Box<dyn Error>| match wrapped {
                    true => named(Gate(Some(error))),
                    false => read(Failure::of(&*error)),
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
