//! Finds each mutant in the syntax of its file, and says how it stands beside the code.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Pat, ReturnType, Signature, Stmt, Type, TypeParamBound};

use crate::edit::Edits;
use crate::place::{Genre, LineColumn};
use crate::{Mutant, Unswitched};

/// The mutants of a file.
pub(crate) struct Found {
    pub(crate) edits: Edits,
    pub(crate) unswitched: BTreeMap<u32, Unswitched>,
}

pub(crate) fn find(source: &str, file: &syn::File, mutants: &[Mutant]) -> Found {
    let mut wanted: BTreeMap<(Genre, LineColumn), Vec<Mutant>> = BTreeMap::new();
    for mutant in mutants {
        wanted.entry((mutant.genre, mutant.span.start)).or_default().push(mutant.clone());
    }
    let found = Found { edits: Edits::default(), unswitched: BTreeMap::new() };
    let mut finder = Finder { source, wanted, found, chain: Vec::new(), constant: false };
    finder.visit_file(file);
    for mutant in finder.wanted.into_values().flatten() {
        finder.found.unswitched.insert(mutant.id, Unswitched::NotFound);
    }
    finder.found
}

/// An operator with its operands.
struct Operation {
    range: Range<usize>,
    precedence: u8,
    has_let: bool,
}

struct Finder<'a> {
    source: &'a str,
    wanted: BTreeMap<(Genre, LineColumn), Vec<Mutant>>,
    found: Found,
    /// The operations around the present one, as far as only operators lie between.
    chain: Vec<Operation>,
    /// Whether the compiler evaluates what is visited.
    constant: bool,
}

impl Finder<'_> {
    /// The mutants of that kind at the beginning of a piece of syntax, unless no switch can hold them there.
    fn take(&mut self, genre: Genre, syntax: &impl Spanned) -> Vec<Mutant> {
        let place = LineColumn::from(syntax.span().start());
        let mutants = self.wanted.remove(&(genre, place)).unwrap_or_default();
        if self.constant {
            self.leave(&mutants, Unswitched::Constant);
            return Vec::new();
        }
        mutants
    }

    fn leave(&mut self, mutants: &[Mutant], why: Unswitched) {
        self.found.unswitched.extend(mutants.iter().map(|mutant| (mutant.id, why)));
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.source.get(range).unwrap_or_default()
    }

    /// The text of `whole` with other text in place of `part`.
    fn with(&self, whole: &Range<usize>, part: &Range<usize>, replacement: &str) -> String {
        let (before, after) = (self.text(whole.start..part.start), self.text(part.end..whole.end));
        format!("{before}{replacement}{after}")
    }

    fn within(&mut self, constant: bool, visit: impl FnOnce(&mut Self)) {
        let outer = mem::replace(&mut self.constant, constant);
        visit(self);
        self.constant = outer;
    }

    fn function(&mut self, signature: &Signature, body: &Block, visit: impl FnOnce(&mut Self)) {
        self.within(signature.constness.is_some(), |finder| {
            if let Some(first) = body.stmts.first() {
                let mutants = finder.take(Genre::FnValue, first);
                match (&signature.output, body.stmts.last()) {
                    (ReturnType::Type(_, kind), Some(Stmt::Expr(last, None))) if is_iterator(kind) => {
                        finder.iterators(&last.span().byte_range(), &mutants);
                    }
                    (output, _) if has_impl(output) => finder.leave(&mutants, Unswitched::ImplTrait),
                    _ => finder.values(first.span().byte_range().start, &mutants),
                }
            }
            visit(finder);
        });
    }

    /// Early returns.
    fn values(&mut self, at: usize, mutants: &[Mutant]) {
        for mutant in mutants {
            let before = format!("if on({}) {{ return ", mutant.id);
            self.found.edits.insert(at, mutant.id, &before, &mutant.replacement, "; } ");
        }
    }

    /// The function returns one type of iterator, so it ends at once, and that of the mutant follows.
    fn iterators(&mut self, last: &Range<usize>, mutants: &[Mutant]) {
        for Mutant { id, replacement, .. } in mutants {
            let before = format!(".take_while(|_| !on({id})).chain((if on({id}) {{ Some(");
            let after = ") } else { None }).into_iter().flatten())";
            self.found.edits.follow(last.clone(), *id, &before, replacement, after);
        }
    }

    /// Another operator can bind otherwise, so all that it could take as operand is written anew.
    fn operator(&mut self, operator: &BinOp) {
        for mutant in self.take(Genre::BinaryOperator, operator) {
            let own = precedence(operator);
            let other = syn::parse_str(&mutant.replacement).map_or(0, |operator| precedence(&operator));
            let reached = |outer: &&Operation| own != other && outer.precedence >= own.min(other);
            let beyond = self.chain.iter().rev().skip(1).take_while(reached).count();
            let Some(operation) = self.chain.iter().rev().nth(beyond) else { continue };
            if operation.has_let {
                self.found.unswitched.insert(mutant.id, Unswitched::LetChain);
                continue;
            }
            let code = self.with(&operation.range, &operator.span().byte_range(), mutant.replacement.trim());
            self.found.edits.instead(operation.range.clone(), mutant.id, code);
        }
    }

    fn guard(&mut self, guard: &Expr) {
        for mutant in self.take(Genre::MatchArmGuard, guard) {
            if has_let(guard) {
                self.found.unswitched.insert(mutant.id, Unswitched::LetChain);
            } else {
                self.found.edits.instead(guard.span().byte_range(), mutant.id, mutant.replacement);
            }
        }
    }

    /// A field that is dropped has the value of the base.
    fn field(&mut self, path: &syn::Path, base: &Expr, field: &syn::FieldValue) {
        for mutant in self.take(Genre::StructField, field) {
            let (base_text, name) = (self.text(base.span().byte_range()), self.text(field.member.span().byte_range()));
            let code = if matches!(base, Expr::Path(_)) {
                format!("{base_text}.{name}")
            } else {
                format!("let base: {} = {base_text}; base.{name}", self.text(path.span().byte_range()))
            };
            let range = field.expr.span().byte_range();
            if field.colon_token.is_some() {
                self.found.edits.instead(range, mutant.id, code);
            } else {
                let (before, after) = (format!(": if on({}) {{ ", mutant.id), format!(" }} else {{ {name} }}"));
                self.found.edits.insert(range.end, mutant.id, &before, &code, &after);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr(&mut self, expression: &'ast Expr) {
        if let Expr::Binary(binary) = expression {
            self.chain.push(Operation {
                range: binary.span().byte_range(),
                precedence: precedence(&binary.op),
                has_let: has_let(expression),
            });
            self.operator(&binary.op);
            visit::visit_expr_binary(self, binary);
            self.chain.pop();
        } else {
            let outer = mem::take(&mut self.chain);
            visit::visit_expr(self, expression);
            self.chain = outer;
        }
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let whole = unary.span().byte_range();
        for mutant in self.take(Genre::UnaryOperator, &unary.op) {
            let code = self.with(&whole, &unary.op.span().byte_range(), "");
            self.found.edits.instead(whole.clone(), mutant.id, code);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Pat::Guard(guarded) = &arm.pat {
            self.guard(&guarded.guard);
        }
        for mutant in self.take(Genre::MatchArm, arm) {
            let at = arm.pat.span().byte_range().end;
            self.found.edits.insert(at, mutant.id, &format!(" if !on({})", mutant.id), "", "");
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        if let Some(base) = &literal.rest {
            for field in &literal.fields {
                self.field(&literal.path, base, field);
            }
        }
        visit::visit_expr_struct(self, literal);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block, |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body, |finder| visit::visit_trait_item_fn(finder, item));
        }
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.within(false, |finder| visit::visit_expr_closure(finder, closure));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.within(true, |finder| visit::visit_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.within(true, |finder| visit::visit_item_static(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.within(true, |finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.within(true, |finder| visit::visit_trait_item_const(finder, item));
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.within(true, |finder| visit::visit_expr_const(finder, block));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.within(true, |finder| visit::visit_variant(finder, variant));
    }

    fn visit_type(&mut self, kind: &'ast Type) {
        // The length of an array, and a constant argument.
        self.within(true, |finder| visit::visit_type(finder, kind));
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.within(true, |finder| finder.visit_expr(&repeat.len));
    }
}

/// Whether a chain of `&&` has a `let`.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// Whether a type is `impl Iterator`, which promises no more than that.
fn is_iterator(kind: &Type) -> bool {
    let Type::ImplTrait(opaque) = kind else { return false };
    opaque.bounds.iter().all(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == "Iterator"),
        _ => true,
    })
}

fn has_impl(output: &ReturnType) -> bool {
    struct Impl(bool);
    impl Visit<'_> for Impl {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut found = Impl(false);
    found.visit_return_type(output);
    found.0
}

/// A greater number binds tighter; the order is that of the Rust reference.
fn precedence(operator: &BinOp) -> u8 {
    match operator {
        BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_) => 9,
        BinOp::Add(_) | BinOp::Sub(_) => 8,
        BinOp::Shl(_) | BinOp::Shr(_) => 7,
        BinOp::BitAnd(_) => 6,
        BinOp::BitXor(_) => 5,
        BinOp::BitOr(_) => 4,
        BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => 3,
        BinOp::And(_) => 2,
        BinOp::Or(_) => 1,
        // Assignments.
        _ => 0,
    }
}
