//! The model as [SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/) in JSON.
