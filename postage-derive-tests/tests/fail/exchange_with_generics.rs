use postage_core::prelude::*;

#[exchange(name = "orders")]
struct Orders<T>(std::marker::PhantomData<T>);

fn main() {}
