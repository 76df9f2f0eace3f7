//! Files that others may have written: read bounded, and written whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::StoreError;

/// The content of a file of at most `limit` bytes; `None` if there is no such file.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let what = path.display().to_string();
    let Some(found) = file_len(path)? else { return Ok(None) };
    if found > limit {
        return Err(StoreError::TooLarge { what, found, unit: "bytes", limit });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| StoreError::Unavailable { what, problem: error.to_string() })?;
    Ok(Some(bytes))
}

/// The size of a file in bytes; `None` if there is none. What is no file, such as a pipe or a device, is never opened.
pub(crate) fn file_len(path: &Path) -> Result<Option<u64>, StoreError> {
    let what = path.display().to_string();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        Ok(_) => Err(StoreError::Malformed { what, problem: "it is not a file".to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Unavailable { what, problem: error.to_string() }),
    }
}

/// Writes a file, with its folders, so that whoever reads it sees the old one or the new one.

pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unique = format!(".{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let temporary = folder.join(unique);
    let written = File::create_new(&temporary).and_then(|mut file| file.write_all(content));
    let moved = written.and_then(|()| fs::rename(&temporary, path));
    if moved.is_err() {
        drop(fs::remove_file(&temporary));
    }
    moved
}
