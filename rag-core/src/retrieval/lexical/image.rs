//! An index over rows in an image.
//!
//! What is read is checked as far as searching relies on it: postings ascend, and are of documents
//! that there are.

use super::LexicalOptions;
use super::dictionary::Dictionary;
use super::documents::Documents;
use super::inverted::Inverted;
use super::postings::Postings;
use super::rows::LexicalRows;
use crate::bytes::Read;
use crate::image::{Reader, Writer};
use crate::threads;
use std::io;

impl LexicalRows {
    /// Writes everything but the options.
    pub(crate) fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        let index = &self.0;
        index.dictionary.write(to)?;
        index.documents.write(to)?;
        to.array(&[index.total_length])?;
        Postings::write_all(&index.postings, to)
    }

    /// Reads what [`LexicalRows::write`] wrote of an index with these options.
    pub(crate) fn restored(options: &LexicalOptions, from: &mut Reader<'_>) -> Read<Self> {
        let mut index = Inverted::new(options).map_err(|_| "options that no index has")?;
        let mut terms = from.clone();
        from.skip(Dictionary::ARRAYS)?;
        let (dictionary, documents) = threads::both(
            threads::available(),
            || Dictionary::read(&mut terms),
            || Documents::read(from),
        );
        (index.dictionary, index.documents) = (dictionary?, documents?);
        [index.total_length] = from.fixed()?;
        let slots = index.documents.base() as u64 + index.documents.slots() as u64;
        let mut postings = Postings::read_all(from, slots)?;
        if postings.len() > index.dictionary.numbers() {
            return Err("postings of more terms than there are");
        }
        postings.resize_with(index.dictionary.numbers(), Postings::default);
        if index.total_length != index.documents.total_length() {
            return Err("the lengths of the documents do not sum up");
        }
        index.set_postings(postings);
        Ok(Self(index))
    }
}
