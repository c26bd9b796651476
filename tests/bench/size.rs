//! `size`: the bytes of the binary, beside the Node.js that the old script needs.

use std::{fs, path::Path};

use crate::{figure::Figure, node};

const AIM: u64 = 4_800_000;

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let bytes = fs::metadata(binary)?.len();
    let mut figure = Figure::new("size of the binary", megabytes(bytes)).aim("≤ 4.8 MB", bytes <= AIM);
    if let Ok(node) = node::find() {
        let of_node = fs::metadata(node)?.len();
        figure = figure.beside(format!("node: {}", megabytes(of_node)), as_f64(bytes), as_f64(of_node));
    }
    Ok(vec![figure])
}

/// Millions of bytes.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", as_f64(bytes) / 1e6)
}

/// Exact for every size that is met here.
#[expect(clippy::cast_precision_loss, reason = "sizes and counts lie far below 2^52")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}
