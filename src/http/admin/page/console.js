// The console: asks for /console.json about once a second and shows what it says.
//
// What plugins, producers and files are called is text, never markup: everything goes through `textContent`.

import { Chart, History } from "/chart.js";

const POLL_MS = 1000;
const ASK_TIMEOUT_MS = 6000;
// Cards of routes: as many as one looks at. /metrics has all.
const ROUTES_MAX = 24;
const REASONS_MAX = 6;
const OUTCOMES = ["committed", "stored", "discarded", "rejected", "quarantined", "failed"];
const STATES = {
  serving: ["serving", "good"],
  serving_last_good: ["serving the last good version", "warn"],
  breaker_open: ["not called for a while: too many faults", "bad"],
  leaving: ["its file is gone", "warn"],
};

const at = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function make(name, parent, text, style) {
  const element = parent.appendChild(document.createElement(name));
  if (text !== undefined) element.textContent = text;
  if (style !== undefined) element.className = style;
  return element;
}

// Gives each item its element, in order, and takes away the elements of those that are gone. Elements stay what they
// are: what a reader has selected or focused is not taken from under them.
function sync(parent, items, key, create, fill) {
  const known = parent.elements ?? (parent.elements = new Map());
  const present = new Set();
  let previous = null;
  for (const item of items) {
    const name = key(item);
    if (present.has(name)) continue;
    present.add(name);
    let element = known.get(name);
    if (element === undefined) {
      element = create(item);
      known.set(name, element);
    }
    const next = previous === null ? parent.firstElementChild : previous.nextElementSibling;
    if (element !== next) parent.insertBefore(element, next);
    fill(element, item);
    previous = element;
  }
  for (const [name, element] of known) {
    if (!present.has(name)) {
      element.remove();
      known.delete(name);
    }
  }
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

function span(seconds) {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const ago = (scene, time) => `${span((scene.now - Date.parse(time)) / 1000)} ago`;

// --- what needs attention

function showAlerts(scene) {
  const { alarm, notices } = scene.plugins;
  const alerts = [...scene.reasons];
  if (alarm !== null) alerts.push(`The plugin directory is not believed: ${alarm}`);
  alerts.push(...notices);
  at("alerts").hidden = alerts.length === 0;
  const list = at("alerts").firstElementChild;
  sync(list, alerts, (text) => text, () => document.createElement("li"), set);
}

// --- traffic

const history = new History();

// Counts under `route \n outcome \n reason`; what has no line of its own in a chart is summed up there.
function countsOf(scene) {
  return new Map(scene.records.map(({ route, outcome, reason, count }) => [`${route}\n${outcome}\n${reason}`, count]));
}

function showTraffic(scene) {
  const routes = new Map();
  for (const plugin of scene.plugins.plugins) {
    for (const { path, title } of plugin.routes) routes.set(path, { path, title, records: [] });
  }
  for (const record of scene.records) {
    const path = record.route;
    if (!routes.has(path)) routes.set(path, { path, title: "no longer served", records: [] });
    routes.get(path).records.push(record);
  }
  const all = [...routes.values()];
  const more = all.length - ROUTES_MAX;
  at("routes-more").hidden = more <= 0;
  if (more > 0) set(at("routes-more"), `${more} more routes: /metrics has them all.`);
  sync(at("routes"), all.slice(0, ROUTES_MAX), (route) => route.path, routeCard, showRoute);
}

function routeCard({ path }) {
  const card = document.createElement("article");
  card.className = "card route";
  card.dataset.route = path;
  const head = make("header", card);
  make("h3", head, path);
  card.subtitle = make("span", head, "", "quiet");
  card.styles = new Map();
  card.outcomes = new Chart("What became of records");
  card.reasons = new Chart("Rejected, by the first violation");
  card.append(card.outcomes.figure, card.reasons.figure);
  return card;
}

function showRoute(card, { path, title, records }) {
  set(card.subtitle, title);
  const total = (some) => some.reduce((sum, { count }) => sum + count, 0);
  const keys = (some) => some.map(({ outcome, reason }) => `${path}\n${outcome}\n${reason}`);
  const series = OUTCOMES.map((outcome) => {
    const some = records.filter((record) => record.outcome === outcome);
    return { name: outcome, style: outcome, keys: keys(some), total: total(some) };
  });
  card.outcomes.draw(history, series.filter(({ name, total }) => total > 0 || name === "committed"));
  const rejected = records.filter(({ outcome }) => outcome === "rejected").sort((a, b) => b.count - a.count);
  const most = rejected.slice(0, REASONS_MAX);
  colour(card.styles, most.map(({ reason }) => reason));
  const reasons = most.map((record) => {
    return { name: record.reason, style: card.styles.get(record.reason), keys: keys([record]), total: record.count };
  });
  const others = rejected.slice(REASONS_MAX);
  if (others.length > 0) {
    reasons.push({ name: `${others.length} others`, style: "r6", keys: keys(others), total: total(others) });
  }
  card.reasons.figure.hidden = reasons.length === 0;
  card.reasons.draw(history, reasons);
}

// A reason keeps its colour as long as it is shown, whatever its rank.
function colour(styles, reasons) {
  for (const reason of styles.keys()) {
    if (!reasons.includes(reason)) styles.delete(reason);
  }
  for (const reason of reasons.filter((one) => !styles.has(one))) {
    const taken = [...styles.values()];
    styles.set(reason, [0, 1, 2, 3, 4, 5].map((index) => `r${index}`).find((style) => !taken.includes(style)));
  }
}

// --- plugins

function showPlugins(scene) {
  const { directory, plugins, refused, loading } = scene.plugins;
  set(at("directory"), `From the directory ${directory}. ${plugins.length === 0 ? "None serves." : ""}`);
  sync(at("plugin-cards"), plugins, ({ file }) => file, pluginCard, (card, plugin) => showPlugin(card, plugin, scene));
  at("loading").hidden = loading === null;
  if (loading !== null) set(at("loading"), `${loading.file} is being compiled and tried since ${ago(scene, loading.since).replace(" ago", "")}.`);
  at("refused").hidden = refused.length === 0;
  sync(at("refused-files"), refused, ({ file }) => file, () => {
    const item = document.createElement("li");
    item.className = "box bad";
    return item;
  }, (item, file) => set(item, refusal(file, scene)));
}

function refusal({ file, reason, since }, scene) {
  return `${file} is refused since ${ago(scene, since).replace(" ago", "")}: ${reason}`;
}

function pluginCard(plugin) {
  const card = document.createElement("article");
  card.className = "card plugin";
  card.dataset.file = plugin.file;
  const head = make("header", card);
  card.heading = make("h3", head);
  card.badge = make("span", head);
  card.facts = make("dl", card);
  card.refusal = make("p", card, "", "box bad");
  return card;
}

function showPlugin(card, plugin, scene) {
  set(card.heading, `${plugin.name} ${plugin.version}`);
  const [state, style] = STATES[plugin.state] ?? [plugin.state, "warn"];
  set(card.badge, state);
  card.badge.className = `badge ${style}`;
  const routes = plugin.routes.map(({ path, topics }) => `${path} → ${topics.join(", ")}`);
  const facts = [
    ["Routes", routes.join("\n")],
    ["File", plugin.file],
    ["SHA-256", plugin.digest],
    ["Generation", `${plugin.generation}, loaded ${ago(scene, plugin.loaded_at)}`],
    ["Instances", number(plugin.instances)],
    ["Judged", `${number(plugin.records_judged)} records`],
    ["Faults", number(plugin.faults)],
  ];
  if (plugin.last_fault !== null) {
    const hidden = scene.violations.shown === "full" ? "" : " (/plugins has its words)";
    facts.push(["Last fault", plugin.last_fault + hidden]);
  }
  if (plugin.measurements_dropped > 0) facts.push(["Dropped", `${number(plugin.measurements_dropped)} measurements`]);
  showFacts(card.facts, facts);
  card.refusal.hidden = plugin.refused === null;
  if (plugin.refused !== null) set(card.refusal, `A newer file is refused. ${refusal(plugin.refused, scene)}`);
}

function showFacts(list, facts) {
  const lines = facts.flatMap(([name, value]) => [["dt", name, name], ["dd", name, value]]);
  sync(list, lines, ([kind, name]) => `${kind} ${name}`, ([kind, name]) => {
    const element = document.createElement(kind);
    if (name === "SHA-256") element.className = "mono";
    return element;
  }, (element, [, , text]) => set(element, text));
}

// --- violations and topics

function showRow(row, cells) {
  cells.forEach(([label, text, style], index) => {
    let cell = row.cells[index];
    if (cell === undefined) {
      // Shown as blocks on a phone, they would else be no cells any more.
      row.setAttribute("role", "row");
      cell = make("td", row);
      cell.setAttribute("role", "cell");
    }
    cell.dataset.label = label;
    cell.className = [style ?? "", text === "" ? "empty" : ""].join(" ").trim();
    set(cell, text);
  });
}

function showViolations(scene) {
  const { shown, recent } = scene.violations;
  const notes = {
    codes: "Codes and places only: no value of a record is shown. admin.violations_shown = \"full\" shows messages too.",
    full: "With messages, which may repeat values of records (admin.violations_shown = \"full\").",
    off: "They are not shown (admin.violations_shown = \"off\").",
  };
  const none = shown !== "off" && recent.length === 0 ? " None yet." : "";
  set(at("violations-note"), notes[shown] + none);
  const table = at("violations-table");
  table.hidden = recent.length === 0;
  table.classList.toggle("no-messages", shown !== "full");
  sync(table.tBodies[0], recent, ({ number }) => number, () => document.createElement("tr"), (row, one) => {
    if (row.cells.length > 0) return; // what was told once stays what it was
    showRow(row, [
      ["Time", new Date(one.time).toLocaleTimeString("en-GB"), "time"],
      ["Route", one.route],
      ["Code", one.code, "mono"],
      ["Place", one.pointer === "" ? "the whole record" : one.pointer, "mono"],
      ["Message", one.message ?? "", "message"],
      ["Record", one.record_id, "mono"],
    ]);
  });
}

function showTopics(scene) {
  set(at("topics-note"), scene.topics.length === 0 ? "Nothing has been written yet." : "");
  const table = at("topics-table");
  table.hidden = scene.topics.length === 0;
  table.classList.toggle("no-kafka", scene.topics.every(({ kafka }) => kafka === null));
  sync(table.tBodies[0], scene.topics, ({ topic }) => topic, () => document.createElement("tr"), (row, one) => {
    const { log, kafka } = one;
    const spool = kafka === null ? "" : `${number(kafka.spool_records)} records, ${bytes(kafka.spool_bytes)} (${bytes(kafka.spool_size)} on disk)`;
    const poisoned = log !== null && log.poisoned_segments > 0 ? `, ${log.poisoned_segments} could not be synced` : "";
    showRow(row, [
      ["Topic", one.topic],
      ["Kafka", kafka?.mode ?? "", "kafka"],
      ["In flight", kafka === null ? "" : number(kafka.in_flight), "kafka"],
      ["Spool", spool, "kafka"],
      ["Oldest", kafka === null || kafka.spool_records === 0 ? "" : span(kafka.oldest_age_s), "kafka"],
      ["Log", log === null ? "" : `${number(log.records)} records written, ${bytes(log.bytes)} in ${log.segments} file${log.segments === 1 ? "" : "s"}${poisoned}`],
      ["Waiting", log === null ? "" : bytes(log.queued_bytes)],
    ]);
  });
}

// --- trying a record

function showRoutesToTry(scene) {
  const paths = scene.plugins.plugins.flatMap(({ routes }) => routes.map(({ path }) => path));
  const select = at("try-route");
  sync(select, paths, (path) => path, (path) => {
    const option = document.createElement("option");
    option.value = path;
    return option;
  }, set);
  at("try-form").querySelector("button").disabled = paths.length === 0;
  showPathToTry();
}

function showPathToTry() {
  const pattern = at("try-route").value;
  const field = at("try-path-field");
  if (field.dataset.pattern === pattern) return;
  field.dataset.pattern = pattern;
  field.hidden = !pattern.includes("{");
  at("try-path").value = pattern;
}

async function judge(event) {
  event.preventDefault();
  const [output, button] = [at("verdict"), at("try-form").querySelector("button")];
  const pattern = at("try-route").value;
  const path = pattern.includes("{") ? encodeURI(at("try-path").value) : pattern;
  // Without a type of its own a record is what its route takes.
  const body = new Blob([at("try-body").value], { type: at("try-type").value.trim() });
  button.disabled = true;
  try {
    const answer = await fetch(`/judge?route=${encodeURIComponent(path)}`, { method: "POST", body, signal: AbortSignal.timeout(30000) });
    const told = await answer.json();
    output.replaceChildren();
    if (answer.ok) showVerdicts(output, told);
    else make("p", output, `${told.title}: ${told.detail}`, "box bad");
  } catch (error) {
    output.replaceChildren();
    make("p", output, `The gateway gave no answer (${error.message}); try again when it is reachable.`, "box bad");
  } finally {
    button.disabled = false;
  }
}

function showVerdicts(output, told) {
  make("p", output, `Judged by ${told.plugin} ${told.version}, generation ${told.generation}, for ${told.route}`, "quiet");
  for (const record of told.records) {
    const good = record.verdict === "accepted" || record.verdict === "discarded";
    const box = make("div", output, undefined, `box ${good ? "good" : "bad"}`);
    const which = told.records.length > 1 ? `Record ${record.index + 1}: ` : "";
    make("h3", box, `${which}${record.verdict}`);
    if (record.reason !== undefined) make("p", box, record.reason);
    showFlaws(box, "Violations", record.violations ?? []);
    for (const part of record.parts ?? []) showPart(box, part);
    showMeasurements(box, record.measurements ?? []);
  }
  if (told.omitted > 0) make("p", output, `${number(told.omitted)} more violations, parts, headers or measurements are not listed.`, "quiet");
}

function showFlaws(box, title, flaws) {
  if (flaws.length === 0) return;
  make("p", box, `${title}:`);
  const list = make("ul", box);
  for (const { pointer, code, message } of flaws) {
    const item = make("li", list);
    make("code", item, pointer === "" ? "the whole record" : pointer);
    make("span", item, ` ${message} `);
    make("code", item, code, "quiet");
  }
}

const text = (shown) => shown.text ?? `${shown.base64} (Base64)`;

function showPart(box, part) {
  const facts = [["Topic", part.topic]];
  if (part.id !== null) facts.push(["Id", part.id]);
  if (part.key !== null) facts.push(["Key", text(part.key)]);
  if (part.timestamp !== null) facts.push(["Time", part.timestamp]);
  for (const [name, value] of part.headers) facts.push([`Header ${name}`, text(value)]);
  const value = part.value.replaced;
  if (value !== undefined) facts.push(["Value", `replaced, ${bytes(value.bytes)}: ${text(value.begins)}`]);
  else facts.push(["Value", part.value === "tombstone" ? "none: it deletes its key" : "as posted"]);
  showFacts(make("dl", box), facts);
  showFlaws(box, "Warnings", part.warnings);
}

function showMeasurements(box, measurements) {
  if (measurements.length === 0) return;
  make("p", box, "Measurements:");
  const list = make("ul", box);
  for (const { instrument, value, counts, attributes } of measurements) {
    const labels = Object.entries(attributes).map(([name, label]) => `${name}=${label}`).join(", ");
    make("li", list, `${instrument} ${value}${labels === "" ? "" : ` {${labels}}`}, of ${counts} records`);
  }
}

// --- asking

let asking = false;
let timer = null;
let seenAt = null;

function showState(style, text) {
  const state = at("state");
  set(state, text);
  state.className = `state ${style}`;
  document.body.classList.toggle("stale", style === "unreachable");
  const title = style === "ready" ? "Sluicegate" : `${text.split(":")[0]} – Sluicegate`;
  if (document.title !== title) document.title = title;
}

function show(scene) {
  set(at("version"), scene.version);
  set(at("uptime"), `up for ${span(scene.uptime_s)}`);
  seenAt = new Date();
  set(at("updated"), `· seen at ${seenAt.toLocaleTimeString("en-GB")}`);
  const reasons = scene.reasons.length;
  if (scene.ready) showState("ready", "Ready");
  else showState("not-ready", `Not ready: ${reasons} reason${reasons === 1 ? "" : "s"} below`);
  history.add(performance.now(), countsOf(scene));
  for (const part of [showAlerts, showTraffic, showPlugins, showViolations, showTopics, showRoutesToTry]) part(scene);
}

async function ask() {
  clearTimeout(timer);
  if (asking) return;
  if (document.hidden) {
    showState("paused", "Paused: this tab is hidden");
    return;
  }
  asking = true;
  try {
    const { scene, why } = await look();
    if (scene === null) unreachable(why);
    else show(scene);
  } finally {
    asking = false;
    timer = setTimeout(ask, POLL_MS);
  }
}

async function look() {
  try {
    const answer = await fetch("/console.json", { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    const told = await answer.json();
    return answer.ok ? { scene: told } : { scene: null, why: told.detail };
  } catch {
    return { scene: null, why: "it does not answer" };
  }
}

function unreachable(why) {
  history.interrupt(performance.now());
  const since = seenAt === null ? "" : `; what is shown is of ${seenAt.toLocaleTimeString("en-GB")}`;
  showState("unreachable", `Unreachable: ${why}${since}`);
}

document.addEventListener("visibilitychange", ask);
at("try-form").addEventListener("submit", judge);
at("try-route").addEventListener("change", showPathToTry);
at("try-body").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("try-form").requestSubmit();
});
ask();
