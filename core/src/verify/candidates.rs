//! The presented certificates that names lead to from the leaf, each once: all that a path can be made of.

use super::context::Context;
use crate::certificate::CertificateView;
use crate::error::RejectionKind;

/// Indices into [`Context::views`], in an order that depends on the certificates alone (L4): those that last longest
/// first. Whatever else the peer sent costs one comparison of names, and is never looked at again.
///
/// # Errors
/// `cert_budget_exceeded` for more than [`MAX_ISSUERS`].
pub(super) fn candidates(context: &Context<'_>) -> Result<Vec<usize>, RejectionKind> {
    let Some(leaf) = context.leaf() else { return Ok(Vec::new()) };
    // webpki reads version 3 alone.
    let readable = |index: &usize| context.view(*index).is_some_and(CertificateView::is_v3);
    let mut pool: Vec<usize> = (1..context.chain.len()).filter(readable).collect();
    let mut found: Vec<usize> = Vec::new();
    let mut names = vec![leaf.issuer_raw()];
    while let Some(name) = names.pop() {
        let is_named = |index: &usize| context.view(*index).is_some_and(|view| view.subject_raw() == name);
        let (named, others) = pool.into_iter().partition::<Vec<usize>, _>(is_named);
        pool = others;
        for index in named {
            let Some(view) = context.view(index) else { continue };
            if found.iter().any(|known| context.chain.get(*known) == context.chain.get(index)) {
                continue;
            }
            if found.len() == MAX_ISSUERS {
                let limit = format!("{MAX_ISSUERS} certificates that could be its issuers");
                return Err(RejectionKind::BudgetExceeded { limit });
            }
            names.push(view.issuer_raw());
            found.push(index);
        }
    }
    found.sort_by(|a, b| order(context, *a).cmp(&order(context, *b)));
    Ok(found)
}

fn order<'c>(context: &'c Context<'_>, index: usize) -> (core::cmp::Reverse<i64>, &'c [u8]) {
    let view = context.view(index);
    (core::cmp::Reverse(view.map_or(i64::MIN, CertificateView::not_after)), view.map_or(&[], CertificateView::der))
}

/// How many distinct certificates the names may lead to. Real chains have up to five; a bridge between PKIs some twenty.
pub(super) const MAX_ISSUERS: usize = 32;
