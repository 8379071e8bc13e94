//! The parameters of a handler travel through tuples; this writes an implementation for each size.

/// Calls a macro with no type parameter, then one, and so on up to sixteen.
macro_rules! for_each_arity {
    ($each:ident) => {
        $each!();
        $each!(A);
        $each!(A B);
        $each!(A B C);
        $each!(A B C D);
        $each!(A B C D E);
        $each!(A B C D E F);
        $each!(A B C D E F G);
        $each!(A B C D E F G H);
        $each!(A B C D E F G H I);
        $each!(A B C D E F G H I J);
        $each!(A B C D E F G H I J K);
        $each!(A B C D E F G H I J K L);
        $each!(A B C D E F G H I J K L M);
        $each!(A B C D E F G H I J K L M N);
        $each!(A B C D E F G H I J K L M N O);
        $each!(A B C D E F G H I J K L M N O P);
    };
}
pub(crate) use for_each_arity;
