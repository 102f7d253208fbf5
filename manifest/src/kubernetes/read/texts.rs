//! The texts of bundles, each held once: tools copy one bundle into every namespace.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use uptls::check_trust_bundle;

/// PEM text, and whether it can be loaded, which is found out once for all objects that hold it.
pub(in crate::kubernetes) struct BundleText {
    pub(in crate::kubernetes) pem: Arc<str>,
    sound: OnceLock<bool>,
}

impl BundleText {
    pub(super) fn new(pem: impl Into<Arc<str>>) -> Self {
        Self { pem: pem.into(), sound: OnceLock::new() }
    }

    /// Whether all of its blocks can be loaded (T2).
    pub(in crate::kubernetes) fn is_sound(&self) -> bool {
        *self.sound.get_or_init(|| check_trust_bundle("", "", self.pem.as_bytes()).is_ok())
    }
}

/// Every text that an object holds.
#[derive(Default)]
pub(in crate::kubernetes) struct Texts {
    held: HashMap<Arc<str>, Arc<BundleText>>,
    /// With how many texts those are dropped that no object holds any more.
    next_sweep: usize,
}

impl Texts {
    /// Makes `text` the one that is held already, if an equal one is.
    pub(super) fn share(&mut self, text: &mut Arc<BundleText>) {
        if let Some(held) = self.held.get(&text.pem) {
            *text = Arc::clone(held);
            return;
        }
        if self.held.len() >= self.next_sweep {
            self.held.retain(|_, held| Arc::strong_count(held) > 1);
            // A sweep costs what was added since the last one.
            self.next_sweep = self.held.len().saturating_mul(2).max(FEW);
        }
        self.held.insert(Arc::clone(&text.pem), Arc::clone(text));
    }
}

const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pem: &str) -> Arc<BundleText> {
        Arc::new(BundleText::new(pem))
    }

    #[test]
    fn equal_texts_are_one() {
        let mut texts = Texts::default();
        let [mut first, mut second, mut other] = ["a", "a", "b"].map(text);
        for text in [&mut first, &mut second, &mut other] {
            texts.share(text);
        }
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        assert_eq!((&*second.pem, &*other.pem), ("a", "b"));
    }

    #[test]
    fn what_no_object_holds_goes() {
        let mut texts = Texts::default();
        let mut kept = text("kept");
        texts.share(&mut kept);
        for index in 0..10 * FEW {
            texts.share(&mut text(&index.to_string()));
            assert!(texts.held.len() <= FEW, "{} texts", texts.held.len());
        }
        let mut again = text("kept");
        texts.share(&mut again);
        assert!(Arc::ptr_eq(&kept, &again));
    }
}
