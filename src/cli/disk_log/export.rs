//! Messages of a log, one to a line.

use crate::{
    cli::{Output, error::CliError, text},
    core::{event::record::Record, id::MessageId},
    store::segment::{Folder, Reading},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use std::path::Path;

/// One message.
#[derive(Serialize)]
struct Line<'a> {
    position: u64,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    published_at: String,
    received_at: String,
}

/// Prints all messages, in the order of their arrival.
pub(super) fn run(folder: &Path, out: &mut Output) -> Result<(), CliError> {
    let mut disk = Folder::existing(folder.to_owned());
    for record in Reading::begin(&mut disk)? {
        let Record::Received { batch, first, last, position, at } = record?.1 else { continue };
        let payloads = (batch.id.sequence..).zip(batch.body.payloads());
        for (sequence, payload) in payloads.filter(|(sequence, _)| (first..=last).contains(sequence)) {
            if !out.is_json() {
                out.payload(payload)?;
                out.line("")?;
                continue;
            }
            let as_text = std::str::from_utf8(payload).ok();
            out.document(&Line {
                position: position + (sequence - first),
                id: MessageId { sequence, ..batch.id.clone() }.to_string(),
                text: as_text,
                base64: as_text.is_none().then(|| BASE64_STANDARD.encode(payload)),
                published_at: text::rfc3339(batch.published_at),
                received_at: text::rfc3339(at),
            })?;
        }
    }
    out.flush()
}
