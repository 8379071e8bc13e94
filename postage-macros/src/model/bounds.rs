//! What the generic parameters and the `where` clause of a method may say.

use quote::ToTokens as _;
use syn::{Generics, Ident, PredicateType, Signature, TypeParamBound, WherePredicate};

use crate::errors::Errors;
use crate::parse::types;

/// Reports lifetimes that no message lasts for.
pub(crate) fn check_lifetimes(generics: &Generics, errors: &Errors) {
    let declared = generics.lifetimes().flat_map(|own| &own.bounds);
    let predicates = predicates(generics).filter_map(|predicate| match predicate {
        WherePredicate::Lifetime(predicate) => Some(&predicate.bounds),
        _ => None,
    });
    for bound in declared.chain(predicates.flatten()).filter(|bound| bound.ident == "static") {
        errors.at(
            bound,
            "a parameter is lent for as long as the handler runs: drop this bound, and own what \
             is to be kept",
        );
    }
}

/// Reports bounds that not every service has, on a contract's method, which every one is to have.
pub(crate) fn check_contract(signature: &Signature, errors: &Errors) {
    if signature.generics.type_params().next().is_some() {
        // It has been reported, and is what the bounds may be about.
        return;
    }
    for predicate in predicates(&signature.generics) {
        let WherePredicate::Type(predicate) = predicate else { continue };
        if !every_service_has(predicate) {
            errors.at(
                predicate,
                "a contract's method has no bounds of its own, for every service has the method: \
                 put on the trait what they all fulfil, like `trait OrderDesk: Clone`",
            );
        }
    }
}

/// A service that runs has a size and is shared between tasks.
fn every_service_has(predicate: &PredicateType) -> bool {
    let held = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => bound.path.is_ident("Sized") || bound.path.is_ident("Sync"),
        _ => false,
    };
    predicate.bounded_ty.to_token_stream().to_string() == "Self"
        && predicate.bounds.iter().all(held)
}

fn predicates(generics: &Generics) -> impl Iterator<Item = &WherePredicate> {
    generics.where_clause.iter().flat_map(|clause| &clause.predicates)
}

/// Whether every lifetime that a method mentions is declared: rustc says so of the trait, and need
/// not say it again of the client.
pub(crate) fn has_its_lifetimes(signature: &Signature) -> bool {
    let declares =
        |name: &Ident| signature.generics.lifetimes().any(|own| own.lifetime.ident == *name);
    types::lifetimes(signature).into_iter().all(declares)
}
