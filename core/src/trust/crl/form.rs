//! The form of a list, read strictly: the parser passes over what it does not expect, and a part of a list that was passed
//! over is a revocation that is missed.

use x509_parser::oid_registry::asn1_rs::{Any, Class, FromDer, Tag};
use x509_parser::prelude::CertificateRevocationList;

/// Whether everything in the DER list `der` was read into `view`.
///
/// # Errors
/// What was not.
pub(super) fn check(der: &[u8], view: &CertificateRevocationList<'_>) -> Result<(), String> {
    let list = one(der)?;
    let tbs = children(list.data)?.into_iter().next().ok_or("it is empty")?;
    let mut parts = children(tbs.data)?.into_iter().peekable();
    parts.next_if(|part| part.tag() == Tag::Integer);
    for wanted in [&[Tag::Sequence][..], &[Tag::Sequence], TIMES, TIMES] {
        if parts.next().is_none_or(|part| !wanted.contains(&part.tag())) {
            return Err("its fields are not those of a list".to_owned());
        }
    }
    let entries =
        parts.next_if(|part| part.tag() == Tag::Sequence).map_or(Ok(Vec::new()), |part| children(part.data))?;
    let read: Vec<_> = view.iter_revoked_certificates().collect();
    if entries.len() != read.len() {
        return Err("an entry of it does not parse".to_owned());
    }
    for (entry, read) in entries.iter().zip(read) {
        let extensions = match children(entry.data)?.as_slice() {
            [_, _] => 0,
            [_, _, extensions] => children(extensions.data)?.len(),
            _ => return Err("an entry of it has other fields than an entry".to_owned()),
        };
        if extensions != read.extensions().len() {
            return Err("an extension of an entry does not parse".to_owned());
        }
    }
    let extensions = match parts.next() {
        None => 0,
        Some(part) if part.class() == Class::ContextSpecific && part.tag().0 == 0 => {
            children(one(part.data)?.data)?.len()
        }
        Some(_) => return Err("its fields are not those of a list".to_owned()),
    };
    if parts.next().is_some() || extensions != view.extensions().len() {
        return Err("an extension of it does not parse".to_owned());
    }
    Ok(())
}

/// Whether the issuingDistributionPoint `der` has the fields of RFC 5280 section 5.2.5, in their order and none else.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_point(der: &[u8]) -> Result<(), String> {
    let wrong = || Err("its issuingDistributionPoint does not parse".to_owned());
    let mut last = None;
    for field in children(one(der)?.data)? {
        let number = field.tag().0;
        let is_flag = matches!(number, 1 | 2 | 4 | 5);
        if field.class() != Class::ContextSpecific || number > 5 || last >= Some(number) {
            return wrong();
        }
        if is_flag && !matches!(field.data, [0 | 0xff]) {
            return wrong();
        }
        if number == 3 {
            return Err(
                "it covers some reasons of revocation only, which is not supported; give the list for all".to_owned()
            );
        }
        last = Some(number);
    }
    Ok(())
}

fn one(der: &[u8]) -> Result<Any<'_>, String> {
    match Any::from_der(der) {
        Ok(([], any)) => Ok(any),
        _ => Err("it is not DER".to_owned()),
    }
}

fn children(mut content: &[u8]) -> Result<Vec<Any<'_>>, String> {
    let mut children = Vec::new();
    while !content.is_empty() {
        let (rest, child) = Any::from_der(content).map_err(|_| "it is not DER".to_owned())?;
        children.push(child);
        content = rest;
    }
    Ok(children)
}

const TIMES: &[Tag] = &[Tag::UtcTime, Tag::GeneralizedTime];
