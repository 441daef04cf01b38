// Random consent strings by IAB's own encoders, with their contents, as JSON lines on stdout.
//   node generate.cjs CACHE SEED TC_STRINGS GPP_STRINGS
const path = require("node:path");
const { createRequire } = require("node:module");

const [cache, seed, tcStrings, gppStrings] = process.argv.slice(2);
const load = createRequire(path.join(cache, "package.json"));
const tcf = load("@iabtcf/core");
const encoder = (file) => load(path.join(cache, "node_modules/@iabgpp/cmpapi/lib/cjs/encoder", file));

let state = Number(seed) >>> 0;
function random() {
  // mulberry32: the same seed gives the same strings
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const coin = () => random() < 0.5;
const some = (n, share) => Array.from({ length: n }, (_, at) => at + 1).filter(() => random() < share);
function runs(n) {
  const found = new Set();
  for (let count = below(6); count > 0; count--) {
    const first = 1 + below(n);
    const last = Math.min(n, first + below(40));
    for (let id = first; id <= last; id++) found.add(id);
  }
  return [...found].sort((a, b) => a - b);
}
const vendors = (n) => (random() < 0.3 ? runs(n) : some(n, [0, 0.02, 0.5, 0.98, 1][below(5)]));

const HIGHEST = 1400;
function list(policy) {
  const purposes = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [at + 1, { id: at + 1, name: "p" }]));
  const all = Object.fromEntries(
    Array.from({ length: HIGHEST }, (_, at) => {
      const flexible = [2, 7, 8, 9, 10, 11];
      const vendor = { id: at + 1, name: "v", purposes: [1, 3, 4, 5, 6], legIntPurposes: [...flexible] };
      return [at + 1, { ...vendor, flexiblePurposes: [...flexible, 3, 4], specialPurposes: [], features: [] }];
    }),
  );
  for (const vendor of Object.values(all)) Object.assign(vendor, { specialFeatures: [], policyUrl: "" });
  return new tcf.GVL({
    gvlSpecificationVersion: 3,
    vendorListVersion: 1 + below(300),
    tcfPolicyVersion: policy,
    lastUpdated: "2026-01-01T00:00:00Z",
    purposes,
    specialPurposes: {},
    features: {},
    specialFeatures: { 1: { id: 1, name: "s" }, 2: { id: 2, name: "s" } },
    stacks: {},
    vendors: all,
  });
}
const lists = [2, 4, 5].map(list);
const members = (vector) => {
  const found = [];
  vector.forEach((has, id) => has && found.push(id));
  return found;
};

function tcModel() {
  const model = new tcf.TCModel(lists[below(lists.length)]);
  const day = new Date(Date.UTC(2020 + below(8), below(12), 1 + below(28)));
  model.cmpId = 2 + below(4000);
  model.cmpVersion = below(4096);
  model.consentScreen = below(64);
  model.publisherCountryCode = ["FR", "DE", "AA", "ZZ"][below(4)];
  model.isServiceSpecific = random() < 0.8;
  model.useNonStandardTexts = coin();
  model.purposeOneTreatment = coin();
  model.created = day;
  model.lastUpdated = day;
  model.purposeConsents.set(some(24, 0.5));
  model.purposeLegitimateInterests.set(some(24, 0.5));
  model.specialFeatureOptins.set(some(12, 0.5));
  model.vendorConsents.set(vendors(HIGHEST));
  model.vendorLegitimateInterests.set(vendors(HIGHEST));
  model.vendorsAllowed.set(vendors(HIGHEST));
  for (let count = below(4); count > 0; count--) {
    const rule = new tcf.PurposeRestriction(1 + below(11), below(3));
    for (const id of runs(HIGHEST)) model.publisherRestrictions.add(id, rule);
  }
  if (coin()) {
    model.publisherConsents.set(some(24, 0.3));
    model.numCustomPurposes = below(8);
    model.publisherCustomConsents.set(some(model.numCustomPurposes, 0.5));
  }
  return model;
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
function tcString() {
  const { CORE, VENDORS_DISCLOSED, VENDORS_ALLOWED, PUBLISHER_TC } = tcf.Segment;
  const segments = [CORE, ...[VENDORS_DISCLOSED, VENDORS_ALLOWED, PUBLISHER_TC].filter(coin)];
  const text = tcf.TCString.encode(tcModel(), { segments });
  const read = tcf.TCString.decode(text);
  const has = (type) => text.split(".").slice(1).some((one) => LETTERS.indexOf(one[0]) >> 3 === type);
  return {
    text,
    created: read.created.getTime() * 1000,
    cmp_id: read.cmpId,
    policy_version: Number(read.policyVersion),
    vendor_list_version: read.vendorListVersion,
    service_specific: read.isServiceSpecific,
    purpose_one_undisclosed: read.purposeOneTreatment,
    language: read.consentLanguage,
    publisher_country: read.publisherCountryCode,
    special_features: members(read.specialFeatureOptins),
    purpose_consents: members(read.purposeConsents),
    purpose_interests: members(read.purposeLegitimateInterests),
    vendor_consents: members(read.vendorConsents),
    vendor_interests: members(read.vendorLegitimateInterests),
    disclosed: has(1) ? members(read.vendorsDisclosed) : null,
    allowed: has(2) ? members(read.vendorsAllowed) : null,
    publisher_consents: has(3) ? members(read.publisherConsents) : null,
    publisher_custom: has(3) ? members(read.publisherCustomConsents) : null,
    restrictions: read.publisherRestrictions
      .getRestrictions()
      .map((rule) => [rule.purposeId, rule.restrictionType, read.publisherRestrictions.getVendors(rule)]),
  };
}

const { GppModel } = encoder("GppModel.js");
const US = "Nat Ca Va Co Ut Ct Fl Mt Or Tx De Ia Ne Nh Nj Tn Mn Md In Ky Ri".split(" ");
const sections = US.map((name) => encoder(`section/Us${name}.js`)[`Us${name}`]);

function fill(model, section, filled) {
  const [core, beside] = new section().initializeSegments();
  const national = section.NAME === "usnat";
  const version = national ? 1 + below(2) : 1;
  if (national) model.setFieldValue(section.NAME, "Version", version);
  const values = {};
  for (const name of core.getFieldNames().filter((one) => !/^(Mspa)?Version$/.test(one))) {
    const before = core.getFieldValue(name);
    const value = Array.isArray(before) ? before.map(() => below(3)) : below(3);
    const first = name === "MspaCoveredTransaction" ? 1 + below(2) : value;
    model.setFieldValue(section.NAME, name, first);
    values[name] = Array.isArray(first) ? first : [first];
  }
  if (national && version === 1) {
    values.SensitiveDataProcessing = values.SensitiveDataProcessing.slice(0, 12);
    values.KnownChildSensitiveDataConsents = values.KnownChildSensitiveDataConsents.slice(0, 2);
  }
  let gpc = null;
  if (beside && beside.getFieldNames().includes("Gpc")) {
    const included = coin();
    model.setFieldValue(section.NAME, "GpcSegmentIncluded", included);
    if (included) model.setFieldValue(section.NAME, "Gpc", (gpc = coin()));
  } else if (beside) {
    model.setFieldValue(section.NAME, "SensitiveDataConsentSegmentIncluded", coin());
    model.setFieldValue(section.NAME, "SensitiveDataProcessing", Array.from({ length: 8 }, () => below(3)));
  }
  filled.push({ name: section.NAME, id: section.ID, version, values, gpc });
}

function gppString() {
  const model = new GppModel();
  const us = [];
  for (const section of sections) if (random() < 0.12) fill(model, section, us);
  let privacy = null;
  if (random() < 0.2) {
    privacy = ["Notice", "OptOutSale", "LspaCovered"].map((name) => {
      const letter = "YN-"[below(3)];
      model.setFieldValue("uspv1", name, letter);
      return letter;
    });
  }
  let europe = null;
  if (random() < 0.3) {
    europe = { purpose_consents: some(24, 0.5), vendor_consents: vendors(HIGHEST), vendor_interests: vendors(HIGHEST) };
    const bits = Array.from({ length: 24 }, (_, at) => europe.purpose_consents.includes(at + 1));
    model.setFieldValue("tcfeuv2", "PurposeConsents", bits);
    model.setFieldValue("tcfeuv2", "VendorConsents", europe.vendor_consents);
    model.setFieldValue("tcfeuv2", "VendorLegitimateInterests", europe.vendor_interests);
  }
  if (us.length === 0 && !privacy && !europe) fill(model, sections[below(sections.length)], us);
  us.sort((a, b) => a.id - b.id);
  return { text: model.encode(), us, privacy, europe };
}

for (let count = Number(tcStrings); count > 0; count--) console.log(JSON.stringify({ tc: tcString() }));
for (let count = Number(gppStrings); count > 0; count--) console.log(JSON.stringify({ gpp: gppString() }));
