//! Certificates of every right and wrong kind, in bundles that are right otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

use serde_json::json;
use trust_core::{
    Bundle, Certificate, CertificateIdentity, ChainError, FulcioExtension, IdentityPolicy, Pattern, Reasons,
    Signed, SignerPolicy, TrustRoot, Usage, VerifiedSigner, Verifier, verify_path,
};
use trust_rekor::RekorLog;

use trust_testkit::sigstore::world::{ARTIFACT, ISSUER, SUBJECT, Stamp, World, YEAR, accepted, denied};
use trust_testkit::sigstore::{CODE_SIGNING, Issuer, Key, TIME_STAMPING, Template, extension, oid, tlv};

#[test]
fn the_unchanged_world_is_accepted() {
    let verified = accepted(|_| {});
    assert_eq!(verified.times()[0].time().to_string(), "2026-06-01T12:00:00Z");
    let [sct] = verified.certificate_timestamps() else { panic!("{verified:?}") };
    assert_eq!(sct.timestamp().to_string(), "2026-06-01T12:00:00Z");
}

#[test]
fn names_of_each_kind_are_read() {
    let other = [oid("1.3.6.1.4.1.57264.1.7"), tlv(0xa0, &tlv(0x0c, SUBJECT.as_bytes()))].concat();
    accepted(|world| world.subject_alt_name = tlv(0xa0, &other));
    accepted(|world| world.subject_alt_name = tlv(0x81, SUBJECT.as_bytes()));
    accepted(|world| {
        world.subject_alt_name = [tlv(0x86, b"https://other.example"), tlv(0x86, SUBJECT.as_bytes())].concat()
    });
    denied("no subject alternative name of type URI, e-mail or otherName", |world| {
        world.subject_alt_name = tlv(0x82, b"github.com");
    });
    denied("signed by `https://other.example`", |world| {
        world.subject_alt_name = tlv(0x86, b"https://other.example")
    });
}

#[test]
fn issuers_must_agree() {
    denied("certificate names two issuers, `https://evil.example` and", |world| {
        world.issuer_v1 = "https://evil.example";
    });
}

#[test]
fn leafs_that_may_not_sign_are_denied() {
    denied("lacks the extended key usage codeSigning", |world| world.leaf_purposes = vec![TIME_STAMPING]);
    denied("has the extended key usage any", |world| world.leaf_purposes = vec![CODE_SIGNING, "2.5.29.37.0"]);
    denied("lacks the key usage digitalSignature", |world| world.leaf_usage = 0x40);
    denied("with the key usage keyCertSign", |world| world.leaf_usage = 0x84);
    denied("is a certification authority, expected an end entity", |world| {
        world.leaf_extensions = vec![trust_testkit::sigstore::basic_constraints(None)];
    });
    // The poison of a precertificate, and any other extension that must be understood.
    denied("has the extension 1.3.6.1.4.1.11129.2.4.3", |world| {
        world.leaf_extensions = vec![extension("1.3.6.1.4.1.11129.2.4.3", true, &[5, 0])];
    });
    denied("holds the extension 2.5.29.15 twice", |world| {
        world.leaf_extensions = vec![trust_testkit::sigstore::key_usage(0x80)]
    });
    denied("expected to cover 2026-06-01T12:00:00Z", |world| {
        world.leaf_validity = ("260601120001Z", "260601121000Z");
    });
    accepted(|world| world.leaf_validity = ("260601115000Z", "260601120000Z"));
    accepted(|world| world.leaf_validity = ("260601120000Z", "260601121000Z"));
}

#[test]
fn issuers_that_may_not_issue_are_denied() {
    denied("certificate `CN=intermediate` is not a certification authority", |world| {
        world.intermediate_extensions = vec![trust_testkit::sigstore::key_usage(0x04)];
    });
    denied("certificate `CN=intermediate` lacks the key usage keyCertSign", |world| {
        world.intermediate_extensions =
            vec![trust_testkit::sigstore::basic_constraints(None), trust_testkit::sigstore::key_usage(0x80)];
    });
    denied("certificate `CN=intermediate` lacks the extended key usage codeSigning", |world| {
        world
            .intermediate_extensions
            .push(trust_testkit::sigstore::extended_key_usage(false, &[TIME_STAMPING]));
    });
    denied("certificate `CN=intermediate` has the extension 2.5.29.30", |world| {
        world.intermediate_extensions.push(extension("2.5.29.30", false, &[0x30, 0]));
    });
}

#[test]
fn a_root_that_allows_no_intermediate_is_obeyed() {
    denied("allows 0 intermediate authorities below it, found 1", |world| world.root_path_len = Some(0));
    accepted(|world| world.root_path_len = Some(1));
}

#[test]
fn more_certificate_timestamps_than_are_read_are_denied() {
    denied("certificate holds 17 signed certificate timestamps, expected at most 16", |world| {
        world.scts = (10..27).map(Key::p256).collect();
    });
}

#[test]
fn timestamp_authorities_must_be_nothing_else() {
    let sole = "must have timeStamping as its only extended key usage, in a critical extension";
    denied(sole, |world| world.stamps[0].purposes = (false, vec![TIME_STAMPING]));
    denied(sole, |world| world.stamps[0].purposes = (true, vec![TIME_STAMPING, CODE_SIGNING]));
    denied("lacks the extended key usage timeStamping", |world| {
        world.stamps[0].purposes = (true, vec![CODE_SIGNING])
    });
}

#[test]
fn authorities_of_one_name_are_all_tried() {
    accepted(|world| {
        world.change_root = |root| {
            let key = Key::p384(99);
            let issuer = Issuer { name: "intermediate", key: &key };
            let extensions = vec![
                trust_testkit::sigstore::basic_constraints(None),
                trust_testkit::sigstore::key_usage(0x04),
            ];
            let other = Template { subject: "intermediate", key: &key, validity: YEAR, extensions };
            let other = trust_testkit::sigstore::root_authority(
                "https://old.example",
                &[&trust_testkit::sigstore::certificate(&other, &issuer)],
            );
            root["certificateAuthorities"].as_array_mut().unwrap().insert(0, other);
        };
    });
}

/// The extensions from .9 on, each with its name as value.
fn build_extensions() -> Vec<Vec<u8>> {
    let from_build = FulcioExtension::ALL.iter().filter(|one| one.number() >= 9);
    from_build
        .map(|one| {
            let id = format!("1.3.6.1.4.1.57264.1.{}", one.number());
            extension(&id, false, &tlv(0x0c, format!("{one:?}").as_bytes()))
        })
        .collect()
}

#[test]
fn every_extension_of_fulcio_is_readable_by_name() {
    let verified = accepted(|world| {
        world.leaf_extensions = build_extensions();
        // The deprecated ones hold raw text.
        for number in 2..=6 {
            let id = format!("1.3.6.1.4.1.57264.1.{number}");
            world.leaf_extensions.push(extension(&id, false, format!("value {number}").as_bytes()));
        }
    });
    let VerifiedSigner::Identity(identity) = verified.signer() else { panic!("{verified:?}") };
    for &one in FulcioExtension::ALL {
        let expected = match one.number() {
            1 | 8 => ISSUER.to_owned(),
            number @ 2..=6 => format!("value {number}"),
            _ => format!("{one:?}"),
        };
        assert_eq!(identity.extension(one), Some(expected.as_str()));
    }
    denied("certificate extension SourceRepositoryUri is not text", |world| {
        world.leaf_extensions = vec![extension("1.3.6.1.4.1.57264.1.12", false, b"raw text")];
    });
}

#[test]
fn identities_are_any_of_and_whole() {
    let identity = |subject: &str, issuer: &str| {
        CertificateIdentity::new(Pattern::exact(subject), Pattern::exact(issuer))
    };
    let wanted = |wanted: Vec<CertificateIdentity>| {
        accepted(|world| {
            world.leaf_extensions = build_extensions();
            world.wanted = wanted;
        });
    };
    let unwanted = |wanted: CertificateIdentity| {
        denied("signed by `https://github.com/org/app", |world| {
            world.leaf_extensions = build_extensions();
            world.wanted = vec![wanted];
        });
    };
    wanted(vec![identity("somebody", ISSUER), identity(SUBJECT, ISSUER)]);
    unwanted(identity("somebody", ISSUER));
    unwanted(identity(SUBJECT, "https://evil.example"));
    // A prefix, a suffix and another case are other identities, in texts and in patterns.
    unwanted(identity("https://github.com/org/", ISSUER));
    unwanted(identity(&SUBJECT.to_uppercase(), ISSUER));
    for (pattern, matches) in [
        ("https://github.com/org/app/.*", true),
        ("https://github.com/org/", false),
        ("main", false),
        ("https://github.com/org|.*main", true),
        ("https://github.com/org|main", false),
    ] {
        let by_pattern = CertificateIdentity::new(Pattern::regex(pattern).unwrap(), Pattern::exact(ISSUER));
        if matches { wanted(vec![by_pattern]) } else { unwanted(by_pattern) }
    }
    let conditional = |extension: FulcioExtension, value: &str| {
        identity(SUBJECT, ISSUER).with_extension(extension, Pattern::exact(value))
    };
    wanted(vec![conditional(FulcioExtension::RunnerEnvironment, "RunnerEnvironment")]);
    unwanted(conditional(FulcioExtension::RunnerEnvironment, "self-hosted"));
    unwanted(conditional(FulcioExtension::GithubWorkflowName, ""));
}

#[test]
fn who_has_no_issuer_is_known_by_subject_and_authority_only_if_the_policy_says_so() {
    const AUTHORITY: &str = "https://authority.example";
    let without = |authority| CertificateIdentity::without_issuer(Pattern::exact(SUBJECT), authority);
    let of = |names_issuer, wanted: CertificateIdentity| {
        World {
            names_issuer,
            wanted: vec![wanted],
            change_root: |root| root["certificateAuthorities"][0]["uri"] = AUTHORITY.into(),
            ..World::new()
        }
        .verify()
    };
    let verified = of(false, without(AUTHORITY)).unwrap();
    let VerifiedSigner::Identity(identity) = verified.signer() else { panic!("{verified:?}") };
    assert_eq!((identity.issuer(), identity.subjects()[0].value.as_str()), (None, SUBJECT));

    let any_issuer = CertificateIdentity::new(Pattern::exact(SUBJECT), Pattern::wildcard("*"));
    for (names_issuer, wanted) in [
        (false, any_issuer),
        (false, without("https://other.example")),
        (false, without("")),
        (false, CertificateIdentity::without_issuer(Pattern::exact("somebody"), AUTHORITY)),
        (true, without(AUTHORITY)),
    ] {
        let reason = of(names_issuer, wanted.clone()).unwrap_err();
        assert!(reason.contains("certified by `https://authority.example`, expected"), "{wanted}: {reason}");
    }
    // An authority without a URI is not the one that is called by nothing.
    let unnamed = World {
        names_issuer: false,
        wanted: vec![without("")],
        change_root: |root| root["certificateAuthorities"][0]["uri"] = "".into(),
        ..World::new()
    };
    assert!(unnamed.verify().is_err());
}

#[test]
fn clocks_may_differ_by_as_much_as_the_caller_says() {
    // The world's now is 2026-11-22.
    let at = |time: &'static str, configure: for<'a> fn(Verifier<'a>) -> Verifier<'a>| {
        let stamps = vec![Stamp { time, ..Stamp::new(7, "stamps.example", "stamps") }];
        let leaf_validity = ("260601115500Z", "270101000000Z");
        World { stamps, leaf_validity, configure, ..World::new() }.verify()
    };
    at("20261122000000Z", |verifier| verifier).unwrap();
    for time in ["20261122000001Z", "20261122000005Z"] {
        let reason = at(time, |verifier| verifier).unwrap_err();
        assert!(reason.contains("says the signature was made at 2026-11-22T00:00:0"), "{reason}");
        at(time, |verifier| verifier.with_clock_tolerance(5_000)).unwrap();
    }
    at("20261122000006Z", |verifier| verifier.with_clock_tolerance(5_000)).unwrap_err();
}

#[test]
fn documents_that_are_too_long_are_refused_unread() {
    let long = vec![0x30; 65 * 1024];
    let error = trust_core::Certificate::from_der(&long).unwrap_err();
    assert_eq!(error.to_string(), "certificate has 66560 bytes, expected at most 65536");
    let error = trust_core::verify_timestamp(&long, b"", &[]).unwrap_err();
    assert_eq!(error.to_string(), "timestamp has 66560 bytes, expected at most 65536");
    let error = trust_core::Bundle::from_json(&vec![b' '; (192 << 20) + 1]).unwrap_err();
    assert_eq!(error.to_string(), "bundle has 201326593 bytes, expected at most 201326592");
}

#[test]
fn a_forged_intermediate_is_not_taken_for_one_that_was_verified_before() {
    let world = World::new();
    let (bundle, root) = world.make();
    let root = TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
    let policy = SignerPolicy::Identity(IdentityPolicy::new(world.wanted.clone()).unwrap());
    let verify = |bundle: &serde_json::Value| {
        let bundle = Bundle::from_json(bundle.to_string().as_bytes()).unwrap();
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        let verified =
            Verifier::new(&root, &RekorLog).verify(&bundle, Signed::Message(ARTIFACT), &policy, now);
        verified.map_err(|error| Reasons(&error).to_string())
    };
    // From now on the root knows that its own intermediate was signed by its anchor.
    verify(&bundle).unwrap();

    let (forger, forged_key) = (Key::p384(77), Key::p384(66));
    let forged = Template {
        subject: "intermediate",
        key: &forged_key,
        validity: YEAR,
        extensions: vec![
            trust_testkit::sigstore::basic_constraints(Some(0)),
            trust_testkit::sigstore::key_usage(0x04),
        ],
    };
    let forged = trust_testkit::sigstore::certificate(&forged, &Issuer { name: "fulcio", key: &forger });
    let (mut bundle, _) = World { intermediate_key: forged_key, ..World::new() }.make();
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    let leaf = material.remove("certificate").unwrap();
    let forged = json!({"rawBytes": trust_core::internal::encoding::to_base64(&forged)});
    material.insert("x509CertificateChain".to_owned(), json!({"certificates": [leaf, forged]}));
    let reason = verify(&bundle).unwrap_err();
    assert!(
        reason.contains("the signature of certificate `CN=intermediate` was not made by its issuer"),
        "{reason}"
    );
}

/// A path of so many certificates, leaf first: `change` may change the template of the certificate at a place, counted from
/// the root, and its issuer.
fn path(length: usize, change: impl Fn(usize, &mut Template<'_>, &mut Issuer<'_>)) -> Vec<Certificate> {
    let keys: Vec<Key> = (0..length).map(|seed| Key::p256(40 + seed as u8)).collect();
    let stranger = Key::p256(99);
    let names: Vec<String> = (0..length).map(|place| format!("authority {place}")).collect();
    let key_id = |key: &Key| {
        use sha2::Digest as _;
        extension("2.5.29.14", false, &tlv(4, &sha2::Sha256::digest(key.spki())))
    };
    let mut path = Vec::new();
    for place in 0..length {
        let above = place.saturating_sub(1);
        let mut issuer = Issuer { name: &names[above], key: &keys[above] };
        let is_leaf = place + 1 == length;
        let extensions = match is_leaf {
            true => vec![
                trust_testkit::sigstore::key_usage(0x80),
                trust_testkit::sigstore::extended_key_usage(false, &[CODE_SIGNING]),
            ],
            false => vec![
                trust_testkit::sigstore::basic_constraints(None),
                trust_testkit::sigstore::key_usage(0x04),
                key_id(&keys[place]),
            ],
        };
        let mut template = Template { subject: &names[place], key: &keys[place], validity: YEAR, extensions };
        change(place, &mut template, &mut issuer);
        if issuer.name == "stranger" {
            issuer = Issuer { name: &names[above], key: &stranger };
        }
        path.insert(
            0,
            Certificate::from_der(&trust_testkit::sigstore::certificate(&template, &issuer)).unwrap(),
        );
    }
    path
}

fn judged(path: &[Certificate]) -> Result<(), ChainError> {
    let path: Vec<&Certificate> = path.iter().collect();
    verify_path(&path, Usage::CODE_SIGNING, &["2026-06-01T12:00:00Z".parse().unwrap()])
}

#[test]
fn a_path_has_at_most_eight_certificates() {
    for length in 2..=8 {
        assert_eq!(judged(&path(length, |_, _, _| {})), Ok(()), "{length}");
    }
    assert_eq!(judged(&path(9, |_, _, _| {})), Err(ChainError::Length { found: 9 }));
    assert_eq!(judged(&path(1, |_, _, _| {})), Err(ChainError::Length { found: 1 }));
    assert_eq!(judged(&[]), Err(ChainError::Length { found: 0 }));
}

#[test]
fn an_issuer_is_known_by_its_key_too() {
    // The name is right, and the key that it names is another authority's.
    let other = path(3, |place, _, issuer| {
        if place == 2 {
            issuer.name = "stranger";
        }
    });
    let error = judged(&other).unwrap_err();
    assert!(matches!(error, ChainError::Issuer { .. }), "{error}");
    assert!(error.to_string().contains("with key"), "{error}");
}

#[test]
fn only_a_root_is_for_all_purposes() {
    let stamping = |at: usize, is_self_issued: bool| {
        path(4, move |place, template, issuer| {
            if place == at {
                template
                    .extensions
                    .push(trust_testkit::sigstore::extended_key_usage(false, &[TIME_STAMPING]));
            }
            // Self-issued: the root's name, and another key.
            if is_self_issued && place == 1 {
                template.subject = "authority 0";
            }
            if is_self_issued && place == 2 {
                issuer.name = "authority 0";
            }
        })
    };
    assert_eq!(judged(&stamping(0, false)), Ok(()));
    assert_eq!(judged(&stamping(9, true)), Ok(()));
    for is_self_issued in [false, true] {
        let error = judged(&stamping(1, is_self_issued)).unwrap_err().to_string();
        assert!(error.contains("lacks the extended key usage codeSigning"), "{error}");
    }
}
