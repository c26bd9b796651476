//! The reader and the writer of token files, for the fuzz targets.

use serde_json::{Map, Value};

use super::{
    aws_cache::{Parsed, fill, parse},
    json,
};
use crate::session::token::Token;

/// The token of a file, all that the file holds, and whether nothing follows that; else why there is no token.
pub fn read(bytes: &[u8]) -> Result<(Token, Map<String, Value>, bool), String> {
    let Parsed { token, document, whole } = parse(bytes).map_err(|error| error.to_string())?;
    Ok((token, document, whole))
}

/// Puts `token` into `document`, and gives the text of the file.
pub fn write(document: &mut Map<String, Value>, token: &Token) -> Option<Vec<u8>> {
    fill(document, token, Some("https://x"), Some("us-east-1"));
    json::dumps(document).ok().map(|bytes| bytes.to_vec())
}
