//! A page as a tree, within bounds.
//!
//! A page can ask for far more than it has bytes: what is not closed is made again in every paragraph that
//! follows, with all its attributes. So the tree is watched while it grows.

use dom_query::{Document, NodeId};
use html5ever::{
    Attribute, ParseOpts, QualName, parse_document,
    tendril::{StrTendril, TendrilSink as _},
    tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink},
};
use loader_sdk::{Error, Result, class, contract::web_fetch::code};
use std::{
    borrow::Cow,
    cell::Cell,
    iter,
    time::{Duration, Instant},
};

/// Pages with more elements, texts and comments are not taken apart.
const MOST_NODES: usize = 100_000;

/// Pages with more in their attributes are not taken apart, in bytes.
const MOST_ATTRIBUTES: usize = 16 << 20;

/// Longer addresses are none that those of a page are relative to: each of its links would become as long.
pub(crate) const MOST_OF_A_BASE: usize = 2048;

/// Pages whose elements lie deeper in each other are not taken apart: much of it is done by recursion, or
/// costs the square of the depth. Browsers stop at 512.
const MOST_DEPTH: usize = 512;

/// Pages that take longer to read are not taken apart: thousands of attributes of one element do.
const MOST_TIME: Duration = Duration::from_secs(5);

/// How many characters are read at once.
const PIECE: usize = 64;

/// Reads a page.
pub(crate) fn read(html: &str) -> Result<Document> {
    let builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let options = ParseOpts { tree_builder: builder, ..ParseOpts::default() };
    let mut parser = parse_document(Watched::default(), options);
    let begun = Instant::now();
    let mut seen = 0;
    for piece in pieces(html) {
        parser.process(piece.into());
        let Watched { document, attributes } = &parser.tokenizer.sink.sink;
        let nodes = document.tree.len();
        if nodes > MOST_NODES {
            let message = format!("the page has more than {MOST_NODES} elements and texts");
            return Err(too_large(message));
        }
        if attributes.get() > MOST_ATTRIBUTES {
            let message = format!("the page has more than {MOST_ATTRIBUTES} bytes of attributes");
            return Err(too_large(message));
        }
        if begun.elapsed() > MOST_TIME {
            let message = format!("the page takes longer than {} s to read", MOST_TIME.as_secs());
            return Err(too_large(message));
        }
        // Whenever it has doubled, so that looking costs no more than reading.
        if nodes > 2 * seen {
            seen = nodes;
            check_depth(document)?;
        }
    }
    let document = parser.finish();
    check_depth(&document)?;
    Ok(document)
}

/// Pieces with at most one tag each, and short ones, however long the tag.
fn pieces(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    iter::from_fn(move || {
        let mut letters = rest.char_indices().take(PIECE);
        let end = letters.find(|(_, letter)| *letter == '>').map(|(at, _)| at + 1);
        let end = end.or_else(|| Some(rest.char_indices().nth(PIECE)?.0)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// Refuses elements too deep in each other. Walks without recursion, which is what it is about.
fn check_depth(document: &Document) -> Result<()> {
    let (mut node, mut depth) = (document.root(), 0);
    loop {
        if let Some(child) = node.first_child() {
            (node, depth) = (child, depth + 1);
            if depth > MOST_DEPTH {
                let message = format!("the page has elements {MOST_DEPTH} deep in each other");
                return Err(too_large(message));
            }
            continue;
        }
        while node.next_sibling().is_none() {
            let Some(parent) = node.parent() else { return Ok(()) };
            (node, depth) = (parent, depth - 1);
        }
        let Some(next) = node.next_sibling() else { return Ok(()) };
        node = next;
    }
}

fn too_large(message: String) -> Error {
    Error::new(class::EXHAUSTED, code::TOO_LARGE, message)
}

/// A tree that is built, and what its attributes take up.
#[derive(Default)]
struct Watched {
    document: Document,
    attributes: Cell<usize>,
}

impl Watched {
    /// Counts attributes, and leaves those out that would become many times as long.
    fn admit(&self, element: &str, attributes: &mut Vec<Attribute>) {
        attributes.retain(|one| match &*one.name.local {
            "srcset" => false,
            "href" => element != "base" || one.value.len() <= MOST_OF_A_BASE,
            _ => true,
        });
        let size = |one: &Attribute| size_of_val(one) + one.name.local.len() + one.value.len();
        let sum: usize = attributes.iter().map(size).sum();
        self.attributes.set(self.attributes.get() + sum);
    }
}

impl TreeSink for Watched {
    type Handle = NodeId;
    type Output = Document;
    type ElemName<'a> = <Document as TreeSink>::ElemName<'a>;

    fn finish(self) -> Document {
        self.document
    }

    /// Nobody reads what is wrong with a page.
    fn parse_error(&self, _: Cow<'static, str>) {}

    fn create_element(
        &self,
        name: QualName,
        mut attributes: Vec<Attribute>,
        flags: ElementFlags,
    ) -> NodeId {
        self.admit(&name.local, &mut attributes);
        self.document.create_element(name, attributes, flags)
    }

    fn add_attrs_if_missing(&self, target: &NodeId, mut attributes: Vec<Attribute>) {
        self.admit(&self.document.elem_name(target).local, &mut attributes);
        self.document.add_attrs_if_missing(target, attributes);
    }

    fn get_document(&self) -> NodeId {
        self.document.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Self::ElemName<'a> {
        self.document.elem_name(target)
    }

    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.document.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        self.document.create_pi(target, data)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        self.document.append(parent, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        before: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        self.document.append_based_on_parent_node(element, before, child);
    }

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        self.document.append_before_sibling(sibling, child);
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        self.document.append_doctype_to_document(name, public, system);
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        self.document.get_template_contents(target)
    }

    fn same_node(&self, one: &NodeId, other: &NodeId) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.document.set_quirks_mode(mode);
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.document.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &NodeId, parent: &NodeId) {
        self.document.reparent_children(node, parent);
    }

    fn is_mathml_annotation_xml_integration_point(&self, node: &NodeId) -> bool {
        self.document.is_mathml_annotation_xml_integration_point(node)
    }
}
