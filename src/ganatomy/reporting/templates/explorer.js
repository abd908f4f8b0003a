"use strict";
// The explorer: a generator that runs in the page. Classic script, no dependencies, no request, nothing stored.
// What it needs stands in the page: #explorer-data (JSON: layers, latents, words) and one #explorer-weights-N per
// run (base64 of float32 or float16, little-endian like every browser's processor). Its only global is `ganatomyExplorer`.

(() => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const root = document.getElementById("explorer");
  const part = (name) => document.getElementById(`explorer-${name}`);

  // ---- the generator -------------------------------------------------------------------------------------------

  /** Decode base64 of float32 or, where the page says so, float16 to float32. */
  function floats(text) {
    const raw = atob(text.trim());
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return data.is_half ? Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber) : new Float32Array(bytes.buffer);
  }

  /** IEEE 754 half precision: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. */
  function halfToNumber(bits) {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14;
    return bits & 0x8000 ? -size : size;
  }

  /**
   * y[to + o] += sum over the listed inputs i of x[from + i] * w[row + i * num + o], for o = 0 ... num - 1.
   * Four inputs at a time: y is then read and written a quarter as often. Sums of four are float64.
   */
  function accumulate(y, to, num, x, from, w, row, listed, count) {
    let k = 0;
    for (; k + 3 < count; k += 4) {
      const i0 = listed[k], i1 = listed[k + 1], i2 = listed[k + 2], i3 = listed[k + 3];
      const x0 = x[from + i0], x1 = x[from + i1], x2 = x[from + i2], x3 = x[from + i3];
      const w0 = row + i0 * num, w1 = row + i1 * num, w2 = row + i2 * num, w3 = row + i3 * num;
      for (let o = 0; o < num; o++) y[to + o] += x0 * w[w0 + o] + x1 * w[w1 + o] + x2 * w[w2 + o] + x3 * w[w3 + o];
    }
    for (; k < count; k++) {
      const x0 = x[from + listed[k]], w0 = row + listed[k] * num;
      for (let o = 0; o < num; o++) y[to + o] += x0 * w[w0 + o];
    }
  }

  /** List the inputs x[from ... from + num) that are not 0: after a ReLU about half of them are, and cost nothing. */
  function listActive(x, from, num, listed) {
    let count = 0;
    for (let i = 0; i < num; i++) if (x[from + i] !== 0) listed[count++] = i;
    return count;
  }

  function activate(kind, y) {
    if (kind === "relu") for (let i = 0; i < y.length; i++) { if (y[i] < 0) y[i] = 0; }
    else if (kind === "leaky") for (let i = 0; i < y.length; i++) { if (y[i] < 0) y[i] *= data.slope; }
    else for (let i = 0; i < y.length; i++) y[i] = Math.tanh(y[i]);
  }

  /** One layer with its weights [taps..., in, out]; maps are [height, width, channels]. */
  class Layer {
    constructor(plan, weights, biases) {
      this.plan = plan;
      this.weights = weights;
      this.biases = biases;
      this.y = new Float32Array(plan.out[0] * plan.out[1] * plan.out[2]);
      this.listed = new Int32Array(plan.kind === "linear" ? plan.in[0] * plan.in[1] * plan.in[2] : plan.in[2]);
    }

    run(x) {
      for (let at = 0; at < this.y.length; at += this.biases.length) this.y.set(this.biases, at);
      if (this.plan.kind === "linear") {
        const count = listActive(x, 0, x.length, this.listed);
        accumulate(this.y, 0, this.y.length, x, 0, this.weights, 0, this.listed, count);
      } else this.scatter(x);
      activate(this.plan.activation, this.y);
      return this.y;
    }

    /** A transposed convolution: every place of the small map adds its taps to the large one. */
    scatter(x) {
      const [height, width, numIn] = this.plan.in, [tall, wide, numOut] = this.plan.out;
      const [kernelH, kernelW] = this.plan.kernel, [strideH, strideW] = this.plan.stride;
      const [padH, padW] = this.plan.padding;
      for (let p = 0; p < height * width; p++) {
        const count = listActive(x, p * numIn, numIn, this.listed);
        const top = Math.floor(p / width) * strideH - padH, left = (p % width) * strideW - padW;
        for (let kh = Math.max(0, -top); kh < kernelH && top + kh < tall; kh++) {
          for (let kw = Math.max(0, -left); kw < kernelW && left + kw < wide; kw++) {
            const to = ((top + kh) * wide + left + kw) * numOut, row = (kh * kernelW + kw) * numIn * numOut;
            accumulate(this.y, to, numOut, x, p * numIn, this.weights, row, this.listed, count);
          }
        }
      }
    }
  }

  class Network {
    constructor(plan, weights) {
      let at = 0;
      const take = (size) => weights.subarray(at, (at += size));
      this.layers = plan.layers.map((layer) => new Layer(layer, take(layer.weights), take(layer.biases)));
      [this.height, this.width, this.channels] = plan.layers[plan.layers.length - 1].out;
    }

    /** Latent [z_dim] to levels 0 ... 255 of [height, width, channels], rounded as the laboratory rounds. */
    render(z) {
      let x = Float32Array.from(z);
      for (const layer of this.layers) x = layer.run(x);
      const levels = new Uint8ClampedArray(x.length);  // rounds half to even and clips
      for (let i = 0; i < x.length; i++) levels[i] = (x[i] + 1) * 127.5;
      return levels;
    }
  }

  const networks = new Map();
  /** The network of run number r, decoded when it is first asked for. */
  function network(r) {
    if (!networks.has(r)) {
      networks.set(r, new Network(data.runs[r], floats(part(`weights-${r}`).textContent)));
    }
    return networks.get(r);
  }

  // ---- measures, as the laboratory defines them ------------------------------------------------------------------

  const VISIBLE_LEVELS = 16, BRIGHT_LEVEL = 253;

  /** Mean of the channels. */
  function greyOf(levels, channels) {
    const grey = new Float64Array(levels.length / channels);
    for (let i = 0; i < levels.length; i++) grey[Math.floor(i / channels)] += levels[i] / channels;
    return grey;
  }

  function measuresOf(levels, net) {
    const grey = greyOf(levels, net.channels), num = grey.length, wide = net.width;
    const mean = grey.reduce((sum, level) => sum + level, 0) / num;
    const contrast = Math.sqrt(grey.reduce((sum, level) => sum + (level - mean) ** 2, 0) / num);
    let steps = 0, bright = 0;
    for (let y = 0; y + 1 < net.height; y++) {
      for (let x = 0; x + 1 < wide; x++) {
        const at = y * wide + x;
        steps += Math.hypot(grey[at + 1] - grey[at], grey[at + wide] - grey[at]);
      }
    }
    for (let i = 0; i < num; i++) {
      let least = 255;
      for (let c = 0; c < net.channels; c++) least = Math.min(least, levels[i * net.channels + c]);
      if (least >= BRIGHT_LEVEL) bright++;
    }
    const isFlat = grey.every((level) => level === grey[0]);
    const sharpness = isFlat ? NaN : steps / ((net.height - 1) * (wide - 1)) / contrast;
    return { brightness: mean, contrast, sharpness, bright_share: bright / num };
  }

  /** Share of pixels that differ by more than 16 levels in any channel. */
  function visibleShare(edited, base, channels) {
    let changed = 0;
    for (let i = 0; i < edited.length; i += channels) {
      let most = 0;
      for (let c = i; c < i + channels; c++) most = Math.max(most, Math.abs(edited[c] - base[c]));
      if (most > VISIBLE_LEVELS) changed++;
    }
    return changed / (edited.length / channels);
  }

  /** Colour of every change -255 ... 255 between the anchors [level, rrggbb]. */
  const changeColours = (() => {
    const anchors = data.anchors.map(([level, code]) => [level, [0, 2, 4].map((i) => parseInt(code.slice(i, i + 2), 16))]);
    const table = new Uint8ClampedArray(511 * 3);
    for (let level = -255, k = 0; level <= 255; level++) {
      while (level > anchors[k + 1][0]) k++;
      const [from, low] = anchors[k], [to, high] = anchors[k + 1];
      for (let c = 0; c < 3; c++) table[(level + 255) * 3 + c] = low[c] + ((high[c] - low[c]) * (level - from)) / (to - from);
    }
    return table;
  })();

  // ---- canvases --------------------------------------------------------------------------------------------------

  function paint(canvas, net, colourAt) {
    if (canvas.width !== net.width || canvas.height !== net.height) {
      canvas.width = net.width;
      canvas.height = net.height;
    }
    const context = canvas.getContext("2d");
    const image = context.createImageData(net.width, net.height);
    for (let i = 0; i < net.width * net.height; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = colourAt(i, c);
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  const paintLevels = (canvas, net, levels) =>
    paint(canvas, net, (i, c) => levels[i * net.channels + (net.channels === 3 ? c : 0)]);

  function paintChange(canvas, net, edited, base) {
    const now = greyOf(edited, net.channels), before = greyOf(base, net.channels);
    paint(canvas, net, (i, c) => changeColours[(Math.round(now[i] - before[i]) + 255) * 3 + c]);
  }

  // ---- state -----------------------------------------------------------------------------------------------------

  // `edits` holds what is set, in the order in which it was: the key is a number's index or "@" and a direction's
  // name, the value a level of that number or a multiple (in sigma) of that direction.
  const state = { run: 0, latent: 0, target: "", edits: new Map() };
  const run = () => data.runs[state.run];
  const size = () => run().z[0].length;
  const directionOf = (key) => run().directions.find((each) => key === `@${each.name}`);
  const isNumber = (key) => /^\d+$/.test(key) && Number(key) < size();
  const isTarget = (key) => isNumber(key) || Boolean(directionOf(key));
  const limitOf = (key) => (key.startsWith("@") ? data.direction_limit : data.limit);
  const ownValue = (key) => (isNumber(key) ? run().z[state.latent][Number(key)] : 0);
  const valueOf = (key) => (state.edits.has(key) ? state.edits.get(key) : ownValue(key));

  /** The edited latent: numbers are set first, directions are added to the result. */
  function editedLatent() {
    const z = Float32Array.from(run().z[state.latent]);
    for (const [key, value] of state.edits) if (isNumber(key)) z[Number(key)] = value;
    for (const [key, value] of state.edits) {
      const direction = directionOf(key);
      if (direction) direction.vector.forEach((each, d) => { z[d] += value * each; });
    }
    return z;
  }

  /** Read `#explore=run;l=3;17=5;@width=-2`; return what could not be used, in the reader's words. */
  function readHash() {
    const match = /^#explore=([^;]*)(.*)$/.exec(location.hash);
    if (!match) return null;
    const ignored = [];
    const decode = (text) => {
      try { return decodeURIComponent(text); } catch { return text; }
    };
    const found = data.runs.findIndex((each) => each.name === decode(match[1]));
    if (found >= 0) state.run = found;
    else ignored.push(decode(match[1]));
    state.edits.clear();
    for (const item of match[2].split(";").filter(Boolean)) {
      const [, rawKey, raw] = /^([^=]*)=?(.*)$/.exec(item);
      const key = decode(rawKey), value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(raw) ? Number(raw) : NaN;
      if (key === "l" && Number.isInteger(value) && value >= 0 && value < run().z.length) state.latent = value;
      else if (isTarget(key) && Math.abs(value) <= limitOf(key)) state.edits.set(isNumber(key) ? String(Number(key)) : key, value);
      else ignored.push(decode(item));
    }
    if (state.edits.size) state.target = [...state.edits.keys()].pop();
    return ignored;
  }

  let hashTimer = 0;
  /** Write the state to the address once it has been calm: browsers limit how often it may change. */
  function writeHash() {
    clearTimeout(hashTimer);
    hashTimer = setTimeout(() => {
      const edits = [...state.edits].map(([key, value]) => `;${encodeURIComponent(key).replace("%40", "@")}=${short(value)}`);
      const hash = `#explore=${encodeURIComponent(run().name)};l=${state.latent}${edits.join("")}`;
      try { history.replaceState(null, "", hash); } catch (error) {
        if (error.name !== "SecurityError") throw error;  // the page works without its address
      }
    }, 300);
  }

  // ---- words and numbers -----------------------------------------------------------------------------------------

  const say = (key, values = {}) => data.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const minus = (text) => text.replace("-", "\u2212");
  const short = (value) => String(Number(value.toFixed(4)));
  const shown = (value) => minus(String(Number(value.toFixed(2))));
  const percent = (share) => `${(100 * share).toFixed(1).replace(/\.0$/, "")}\u202f%`;

  /** Three significant digits. */
  function digits(value) {
    if (!Number.isFinite(value)) return "\u2013";
    if (value === 0) return "0";
    const order = Math.floor(Math.log10(Math.abs(value)));
    return minus(value.toFixed(Math.max(0, 2 - order)));
  }

  const nameOf = (key) => (isNumber(key) ? `z[${key}]` : directionOf(key).label);
  const amountOf = (key, value) => (isNumber(key) ? `${nameOf(key)} = ${shown(value)}` : `${nameOf(key)} ${value > 0 ? "+" : ""}${shown(value)} \u03c3`);

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") element.addEventListener("click", value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  // ---- drawing ---------------------------------------------------------------------------------------------------

  let frame = 0, base = null;
  /** Draw once with the next frame, however many changes come before it: the last one wins. */
  function schedule() {
    if (!frame && isAwake) frame = requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    const net = network(state.run), key = `${state.run} ${state.latent}`;
    if (!base || base.key !== key) {
      const levels = net.render(run().z[state.latent]);
      base = { key, levels, measures: measuresOf(levels, net) };
      paintLevels(part("base"), net, levels);
    }
    const z = editedLatent(), levels = net.render(z), measures = measuresOf(levels, net);
    paintLevels(part("edited"), net, levels);
    paintChange(part("difference"), net, levels, base.levels);
    const visible = visibleShare(levels, base.levels, net.channels);
    showMeasures(visible, measures);
    showDistance(z);
    announce(visible, measures);
  }

  function showMeasures(visible, measures) {
    part("visible").textContent = percent(visible);
    for (const name of ["brightness", "contrast", "sharpness", "bright_share"]) {
      const write = name === "bright_share" ? percent : digits;
      part(`${name}-base`).textContent = Number.isNaN(base.measures[name]) ? "\u2013" : write(base.measures[name]);
      part(`${name}-edited`).textContent = Number.isNaN(measures[name]) ? "\u2013" : write(measures[name]);
    }
  }

  function showDistance(z) {
    const { mean, sd } = run().chi, norm = Math.hypot(...z);
    const far = (norm - mean) / sd, key = state.target;
    const side = far >= 0 ? "above" : "below";
    const numbers = { norm: digits(norm), far: Math.abs(far).toFixed(1), mean: digits(mean), sd: sd.toFixed(2), n: size() };
    const own = isNumber(key) ? `${say("number", { name: nameOf(key), value: shown(z[Number(key)]), far: digits(Math.abs(z[Number(key)])) })}${say("join")}` : "";
    part("distance").textContent = own + say(side, numbers);
    part("distance").classList.toggle("far", Math.abs(far) > 3 || (isNumber(key) && Math.abs(z[Number(key)]) > 3));
  }

  let liveTimer = 0;
  /** Tell screen readers the result once the reader has stopped moving. */
  function announce(visible, measures) {
    clearTimeout(liveTimer);
    liveTimer = setTimeout(() => {
      const edits = [...state.edits].map(([key, value]) => amountOf(key, value)).join(", ") || say("none");
      part("live").textContent = say("live", {
        edits, visible: percent(visible), brightness: digits(measures.brightness), base: digits(base.measures.brightness),
      });
    }, 700);
  }

  // ---- controls --------------------------------------------------------------------------------------------------

  function setEdit(key, value) {
    if (!Number.isFinite(value)) return;
    const limit = limitOf(key);
    state.edits.set(key, Math.min(limit, Math.max(-limit, value)));
    changed();
  }

  function dropEdit(key) {
    state.edits.delete(key);
    changed();
  }

  function choose(key) {
    state.target = key;
    changed();
  }

  /** After every change by the reader: controls, pictures, address. */
  function changed() {
    part("notice").textContent = "";
    showControls();
    schedule();
    writeHash();
  }

  const pressed = (isOn) => ({ "aria-pressed": String(isOn) });

  function showControls() {
    const key = state.target, limit = limitOf(key), value = valueOf(key), slider = part("value");
    slider.min = -limit;
    slider.max = limit;
    slider.value = value;
    slider.setAttribute("aria-valuetext", amountOf(key, value));
    part("target").textContent = nameOf(key);
    root.querySelector(".value-row").classList.toggle("along", !isNumber(key));
    if (document.activeElement !== part("exact")) part("exact").value = short(value);
    part("exact").min = -limit;
    part("exact").max = limit;
    if (isNumber(key) && document.activeElement !== part("dim")) part("dim").value = key;
    part("low").textContent = minus(String(-limit));
    part("high").textContent = String(limit);
    part("band").style.setProperty("--inside", 3 / limit);
    if (run().directions.length) part("direction").value = isNumber(key) ? "" : key;
    for (const button of root.querySelectorAll("[data-dim]")) button.setAttribute("aria-pressed", String(button.dataset.dim === key));
    const quick = isNumber(key) ? data.quick : [-3, -1, 1, 3];
    replace(part("quick"),
      ...quick.map((each) => [`set ${each}`, () => make("button", { type: "button", onclick: () => setEdit(state.target, each) }, minus(String(each))),
        pressed(state.edits.get(key) === each)]),
      ["own", () => make("button", { type: "button", onclick: () => dropEdit(state.target) }), pressed(!state.edits.has(key)),
        isNumber(key) ? say("own", { value: shown(ownValue(key)) }) : say("zero")]);
    showEdits();
    showAverages();
  }

  /** Bring the buttons of a row up to date without making those anew that stay, so that the focus stays too. */
  function replace(row, ...wanted) {
    const known = new Map([...row.children].map((each) => [each.dataset.key, each]));
    const elements = wanted.map(([key, create, attributes, text]) => {
      const element = known.get(key) || create();
      element.dataset.key = key;
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      if (text !== undefined && element.textContent !== text) element.textContent = text;
      return element;
    });
    const isSame = elements.length === row.children.length && elements.every((each, i) => row.children[i] === each);
    if (!isSame) row.replaceChildren(...elements);
  }

  function showEdits() {
    replace(part("edits"), ...[...state.edits.keys()].map((key) => [key, () => makeEdit(key), {}]));
    for (const item of part("edits").children) {
      const key = item.dataset.key, select = item.firstChild;
      select.textContent = amountOf(key, state.edits.get(key));
      select.setAttribute("aria-pressed", String(key === state.target));
    }
    part("none").hidden = state.edits.size > 0;
    part("reset").hidden = state.edits.size === 0;
  }

  function makeEdit(key) {
    const drop = () => {
      dropEdit(key);
      part("value").focus();
    };
    const label = say("remove", { name: nameOf(key) });
    return make("li", {}, make("button", { type: "button", onclick: () => choose(key) }),
      make("button", { type: "button", class: "remove", "aria-label": label, onclick: drop }, "\u00d7"));
  }

  /** The atlas of this number: what its values do on average. */
  function showAverages() {
    const key = state.target, known = run().averages, isKnown = isNumber(key) && Boolean(known.visible_share);
    part("averages").hidden = !isKnown;
    const shownNow = `${state.run} ${key} ${known.values.indexOf(state.edits.get(key))}`;
    if (!isKnown || part("averages").dataset.shown === shownNow) return;
    part("averages").dataset.shown = shownNow;
    part("averages-title").textContent = say("averages", { name: nameOf(key), n: known.n });
    const rows = known.values.map((value, k) => {
      const cells = [known.visible_share, known.class_flip].map((table) => make("td", {}, table ? percent(table[k][Number(key)]) : "\u2013"));
      return make("tr", state.edits.get(key) === value ? { class: "now" } : {}, make("th", { scope: "row" }, minus(String(value))), ...cells);
    });
    part("averages-rows").replaceChildren(...rows);
    part("flips").hidden = !known.class_flip;
    if (!known.class_flip) for (const row of rows) row.lastChild.remove();
  }

  /** The choices that belong to a run: its latents, its chosen, strongest and weakest numbers, its directions. */
  function showRun() {
    const { dims, ranked, z, directions, name } = run();
    state.latent = Math.min(state.latent, z.length - 1);
    for (const key of [...state.edits.keys()]) if (!isTarget(key)) state.edits.delete(key);
    if (!isTarget(state.target)) state.target = String(dims[0]);
    part("dim").max = size() - 1;
    for (const radio of root.querySelectorAll("[name=explorer-run]")) radio.checked = radio.value === name;
    const buttons = (numbers) => numbers.map((d) => make("button", { type: "button", "data-dim": d, onclick: () => choose(String(d)) }, String(d)));
    const others = ranked.length > 6 ? [ranked.slice(0, 3), ranked.slice(-3).reverse()] : [[], []];
    for (const [row, numbers] of [["chosen", dims], ["strongest", others[0]], ["weakest", others[1]]]) {
      part(row).replaceChildren(...buttons(numbers));
      part(row).parentElement.hidden = numbers.length === 0;
    }
    part("direction").parentElement.hidden = directions.length === 0;
    part("direction").replaceChildren(make("option", { value: "" }, "\u2013"),
      ...directions.map((each) => make("option", { value: `@${each.name}` }, each.label)));
    const last = run().layers[run().layers.length - 1].out;
    root.style.setProperty("--k", Math.max(1, Math.floor(184 / Math.max(last[0], last[1]))));
    root.style.setProperty("--w", last[1]);
    showLatents();
    showControls();
  }

  function showLatents() {
    const labels = run().z.map((_, l) => {
      const radio = make("input", { type: "radio", name: "explorer-latent", value: l, "aria-label": say("latent", { n: l }) });
      radio.checked = l === state.latent;
      return make("label", {}, radio, make("canvas", { "aria-hidden": "true" }));
    });
    part("latents").replaceChildren(...labels);
    drawThumbnails(state.run, labels.map((label) => label.lastChild));
  }

  /** One thumbnail after the other, each in a task of its own, so that the page never stands still. */
  function drawThumbnails(r, canvases, l = 0) {
    if (r !== state.run || l >= canvases.length || !isAwake) return;
    const net = network(r);
    paintLevels(canvases[l], net, net.render(data.runs[r].z[l]));
    setTimeout(() => drawThumbnails(r, canvases, l + 1));
  }

  // ---- start -----------------------------------------------------------------------------------------------------

  let isAwake = false;
  /** Weights are decoded when the reader comes near: opening the report costs nothing. */
  function wake() {
    if (isAwake) return;
    isAwake = true;
    showRun();
    schedule();
  }

  function followHash() {
    const ignored = readHash();
    if (ignored === null) return;  // an anchor of the report
    wake();
    showRun();
    schedule();
    part("notice").textContent = ignored.length ? say("ignored", { items: ignored.join(", ") }) : "";
    root.closest("section").scrollIntoView({ behavior: "instant" });
  }

  root.addEventListener("change", (event) => {
    if (event.target.name === "explorer-run") {
      state.run = data.runs.findIndex((each) => each.name === event.target.value);
      showRun();
      changed();
    } else if (event.target.name === "explorer-latent") {
      state.latent = Number(event.target.value);
      changed();
    }
  });
  part("value").addEventListener("input", (event) => setEdit(state.target, Number(event.target.value)));
  part("exact").addEventListener("input", (event) => { if (event.target.value !== "") setEdit(state.target, Number(event.target.value)); });
  part("dim").addEventListener("input", (event) => { if (isNumber(event.target.value)) choose(String(Number(event.target.value))); });
  for (const name of ["exact", "dim"]) part(name).addEventListener("blur", showControls);
  part("direction").addEventListener("change", (event) => choose(event.target.value || part("dim").value));
  part("reset").addEventListener("click", () => {
    state.edits.clear();
    changed();
    part("value").focus();
  });
  addEventListener("hashchange", followHash);
  addEventListener("beforeprint", () => {
    wake();
    cancelAnimationFrame(frame);
    draw();
  });

  root.hidden = false;
  showRun();
  followHash();
  new IntersectionObserver((entries, observer) => {
    if (entries.some((each) => each.isIntersecting)) {
      observer.disconnect();
      wake();
    }
  }, { rootMargin: "600px" }).observe(root);

  window.ganatomyExplorer = {
    /** Levels 0 ... 255 of [height, width, channels] for a run's name and a latent [z_dim]. */
    render: (name, z) => network(data.runs.findIndex((each) => each.name === name)).render(z),
  };
})();
