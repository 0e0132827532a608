//! Small models made by hand, damaged files, and what becomes of them.

pub(super) mod draft;
mod files;
mod nodes;
mod operators;
