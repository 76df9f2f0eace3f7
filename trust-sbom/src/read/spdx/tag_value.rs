//! [SPDX in tag-value](https://spdx.github.io/spdx-spec/v2.3/conformance/#44-standard-data-format-requirements): lines
//! `Tag: value`, where a value in `<text>…</text>` may have several lines. A line that is neither is an error: nothing
//! after it is dropped in silence.

use super::{
    Checksum, CreationInfo, ExternalDocumentRef, ExternalRef, File, Package, Spdx, WireRelationship,
};
use crate::model::sbom::ExtractedLicense;
use crate::read::draft::Draft;
use crate::read::error::SbomError;

/// What the following tags are about.
enum Section {
    Document,
    Package(Box<Package>),
    File(Box<File>),
    License(ExtractedLicense),
    /// A snippet, an annotation, a review.
    Other,
}

impl Spdx {
    /// Reads a document in tag-value.
    pub(crate) fn read_tag_value(&mut self, text: &str, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let mut section = Section::Document;
        let mut creation_info = CreationInfo::default();
        // Files stand after the package that holds them.
        let mut package_id: Option<String> = None;
        let mut lines = (1u64..).zip(text.lines());
        while let Some((line, content)) = lines.next() {
            if content.trim().is_empty() || content.starts_with('#') {
                continue;
            }
            let malformed = |problem: String| SbomError::Line { line, problem };
            let (tag, value) = content.split_once(':').filter(|(tag, _)| is_tag(tag)).ok_or_else(|| {
                let found: String = content.chars().take(80).collect();
                malformed(format!("found `{found}`, expected `Tag: value`"))
            })?;
            let value = whole_value(value.trim(), &mut lines)
                .ok_or_else(|| malformed("found `<text>`, expected `</text>` before the end".to_owned()))?;
            match tag {
                "SPDXVersion" => {
                    if self.version.replace(value).is_some() {
                        return Err(malformed("found `SPDXVersion` again, expected it once".to_owned()));
                    }
                }
                "DataLicense" => draft.header.data_license = Some(value),
                "DocumentName" => draft.header.name = Some(value),
                "DocumentNamespace" => draft.header.id = Some(value),
                "Creator" => creation_info.creators.push(value),
                "Created" => creation_info.created = Some(value),
                "ExternalDocumentRef" => {
                    let one = external_document(&value)
                        .ok_or_else(|| malformed(wrong(tag, &value, "`id uri algorithm: hash`")))?;
                    draft.header.external_documents.push(one.into());
                }
                "Relationship" => {
                    let mut words = value.split_whitespace();
                    let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next())
                    else {
                        return Err(malformed(wrong(tag, &value, "`element TYPE element`")));
                    };
                    self.relationship(
                        WireRelationship { from: from.to_owned(), kind: kind.to_owned(), to: to.to_owned() },
                        draft,
                    )?;
                }
                "PackageName" => {
                    let next =
                        Section::Package(Box::new(Package { name: Some(value), ..Package::default() }));
                    self.end(core::mem::replace(&mut section, next), &mut package_id, draft)?;
                }
                "FileName" => {
                    let next = Section::File(Box::new(File { name: Some(value), ..File::default() }));
                    self.end(core::mem::replace(&mut section, next), &mut package_id, draft)?;
                }
                "SnippetSPDXID" => {
                    self.end(core::mem::replace(&mut section, Section::Other), &mut package_id, draft)?;
                    draft.elsewhere(value);
                }
                "LicenseID" => {
                    let next =
                        Section::License(ExtractedLicense { id: value, ..ExtractedLicense::default() });
                    self.end(core::mem::replace(&mut section, next), &mut package_id, draft)?;
                }
                "Annotator" | "Reviewer" => {
                    self.end(core::mem::replace(&mut section, Section::Other), &mut package_id, draft)?;
                }
                _ => match &mut section {
                    Section::Document if tag == "SPDXID" => {
                        self.expect(value == super::DOCUMENT, "SPDXID", "expected `SPDXRef-DOCUMENT`");
                    }
                    Section::Package(package) => package_tag(package, tag, value).map_err(malformed)?,
                    Section::File(file) => file_tag(file, tag, value).map_err(malformed)?,
                    Section::License(license) => match tag {
                        "LicenseName" => license.name = Some(value),
                        "ExtractedText" => license.text = value,
                        _ => {}
                    },
                    Section::Document | Section::Other => {}
                },
            }
        }
        self.end(section, &mut package_id, draft)?;
        self.creation_info(creation_info, draft);
        Ok(())
    }

    fn end(
        &mut self,
        section: Section,
        package_id: &mut Option<String>,
        draft: &mut Draft<'_>,
    ) -> Result<(), SbomError> {
        match section {
            Section::Package(package) => {
                package_id.clone_from(&package.id);
                self.package(*package, draft)
            }
            Section::File(file) => {
                if let (Some(from), Some(to)) = (package_id, &file.id) {
                    self.relationship(
                        WireRelationship { from: from.clone(), kind: "CONTAINS".to_owned(), to: to.clone() },
                        draft,
                    )?;
                }
                self.file(*file, draft)
            }
            Section::License(license) => {
                draft.header.extracted_licenses.push(license);
                Ok(())
            }
            Section::Document | Section::Other => Ok(()),
        }
    }
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn wrong(tag: &str, value: &str, expected: &str) -> String {
    let value: String = value.chars().take(80).collect();
    format!("`{tag}` is `{value}`, expected {expected}")
}

/// The value, with the lines that follow up to `</text>` if it begins with `<text>`; `None` if that never comes.
fn whole_value<'a>(value: &str, lines: &mut impl Iterator<Item = (u64, &'a str)>) -> Option<String> {
    let Some(rest) = value.strip_prefix("<text>") else { return Some(value.to_owned()) };
    if let Some((inner, _)) = rest.split_once("</text>") {
        return Some(inner.to_owned());
    }
    let mut text = rest.to_owned();
    for (_, line) in lines {
        text.push('\n');
        if let Some((inner, _)) = line.split_once("</text>") {
            text.push_str(inner);
            return Some(text);
        }
        text.push_str(line);
    }
    None
}

/// A tag of which a package has one: of two, readers take one or the other.
fn once(field: &mut Option<String>, tag: &str, value: String) -> Result<(), String> {
    match field {
        Some(first) => Err(wrong(tag, &value, &format!("it once, and it was `{first}`"))),
        None => {
            *field = Some(value);
            Ok(())
        }
    }
}

fn package_tag(package: &mut Package, tag: &str, value: String) -> Result<(), String> {
    match tag {
        "SPDXID" => return once(&mut package.id, tag, value),
        "PackageVersion" => return once(&mut package.version, tag, value),
        "PackageFileName" => return once(&mut package.file_name, tag, value),
        "PackageSupplier" => return once(&mut package.supplier, tag, value),
        "PackageOriginator" => return once(&mut package.originator, tag, value),
        "PackageDownloadLocation" => return once(&mut package.download_location, tag, value),
        "FilesAnalyzed" => match value.to_ascii_lowercase().as_str() {
            "true" => package.files_analyzed = Some(true),
            "false" => package.files_analyzed = Some(false),
            _ => return Err(wrong(tag, &value, "`true` or `false`")),
        },
        "PackageChecksum" => package.checksums.push(checksum(tag, &value)?),
        "PackageHomePage" => {
            package.homepage = Some(value).filter(|url| url != "NOASSERTION" && url != "NONE")
        }
        "PackageLicenseConcluded" => package.license_concluded = Some(value),
        "PackageLicenseDeclared" => package.license_declared = Some(value),
        "PackageLicenseInfoFromFiles" => package.license_info_from_files.push(value),
        "PackageCopyrightText" => package.copyright = Some(value),
        "PackageSummary" => package.summary = Some(value),
        "PackageDescription" => package.description = Some(value),
        "PrimaryPackagePurpose" => package.purpose = Some(value),
        "ExternalRef" => {
            let mut words = value.splitn(3, char::is_whitespace).map(str::trim);
            let (Some(category), Some(kind), Some(locator)) = (words.next(), words.next(), words.next())
            else {
                return Err(wrong(tag, &value, "`category type locator`"));
            };
            package.external_refs.push(ExternalRef {
                category: category.to_owned(),
                kind: kind.to_owned(),
                locator: locator.to_owned(),
            });
        }
        _ => {}
    }
    Ok(())
}

fn file_tag(file: &mut File, tag: &str, value: String) -> Result<(), String> {
    match tag {
        "SPDXID" => file.id = Some(value),
        "FileChecksum" => file.checksums.push(checksum(tag, &value)?),
        "LicenseConcluded" => file.license_concluded = Some(value),
        "LicenseInfoInFile" => file.license_info_in_files.push(value),
        "FileCopyrightText" => file.copyright = Some(value),
        _ => {}
    }
    Ok(())
}

fn checksum(tag: &str, value: &str) -> Result<Checksum, String> {
    let (algorithm, hash) = value.split_once(':').ok_or_else(|| wrong(tag, value, "`ALGORITHM: hash`"))?;
    Ok(Checksum { algorithm: algorithm.trim().to_owned(), checksum_value: hash.trim().to_owned() })
}

fn external_document(value: &str) -> Option<ExternalDocumentRef> {
    let (id, rest) = value.split_once(char::is_whitespace)?;
    let (uri, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let (algorithm, hash) = rest.trim().split_once(':')?;
    Some(ExternalDocumentRef {
        external_document_id: id.to_owned(),
        spdx_document: uri.to_owned(),
        checksum: Some(Checksum { algorithm: algorithm.to_owned(), checksum_value: hash.trim().to_owned() }),
    })
}
