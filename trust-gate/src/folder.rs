//! Files that others may have written: read bounded, and written whole or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use crate::store::StoreError;

/// The content of a file of at most `limit` bytes; `None` if there is no such file.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let what = path.display().to_string();
    let Some(found) = file_len(path)? else { return Ok(None) };
    if found > limit {
        return Err(StoreError::TooLarge { what, found, unit: "bytes", limit });
    }
    let mut bytes = Vec::new();
    let unavailable =
        |error: io::Error| StoreError::Unavailable { what: what.clone(), problem: error.to_string() };
    let file = open(path).map_err(unavailable)?;
    // It may be another thing by now.
    if !file.metadata().map_err(unavailable)?.is_file() {
        return Err(StoreError::Malformed { what, problem: "it is not a file".to_owned() });
    }
    file.take(limit).read_to_end(&mut bytes).map_err(unavailable)?;
    Ok(Some(bytes))
}

/// Opens a file, and does not wait where it is a pipe without a writer.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, O_NONBLOCK);
    options.read(true).open(path)
}

/// As in Linux' `fcntl.h`, on every architecture but three old ones.
#[cfg(target_os = "linux")]
const O_NONBLOCK: i32 = 0o4000;

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

/// Writes a file, with its folders, so that a reader sees the old one or the new one.
///
/// # Errors
/// If it cannot be written.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Named by chance, for other processes and machines may write here, too.
    let temporary = folder.join(format!(".{:016x}", RandomState::new().hash_one(content)));
    let written =
        fs::create_dir_all(folder).and_then(|()| File::create_new(&temporary)).and_then(|mut file| {
            let written = file.write_all(content).and_then(|()| file.sync_all());
            let moved = written.and_then(|()| fs::rename(&temporary, path));
            if moved.is_err() {
                drop(fs::remove_file(&temporary));
            }
            moved
        });
    written.map_err(|error| StoreError::Unwritable {
        what: path.display().to_string(),
        problem: error.to_string(),
    })
}
