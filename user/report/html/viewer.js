"use strict";
/*
 * The viewer. Its data are the blocks behind it, one for each summary:
 *
 *   about: {host, kernel, time, uptime, sample_bytes (0: none)}, strings, frames: [[function, module, file, line, inlined]] (numbers of strings, -1: unknown),
 *   nodes: [[parent, frame]] (a tree of call paths from the outermost caller in; parent -1: none),
 *   processes: [{about: {pid, comm, …}, stacks: [[node, bytes, blocks, allocs, allocated, growth, oldest, newest, complete]],
 *     mapped (of blocks that are ranges), arenas (by who made them): as stacks,
 *     sections: [{about: {function, calls, …}, quantities: [[what, is bytes, of all calls, most of one]], stacks (what they left behind)}],
 *     findings: [{kind, count, address, size, stacks: [[title, node]]}]}]
 *
 * Everything from a target reaches the page as text, never as markup.
 */
const $ = (id) => document.getElementById(id);
const ROW = 17, ROWS_AT_ONCE = 200, FRAMES_MAX = 20000, LINES_MAX = 8;
const STACK = { node: 0, bytes: 1, blocks: 2, allocs: 3, allocated: 4, growth: 5, oldest: 6, newest: 7, complete: 8 };
const MEASURES = [["bytes", "outstanding bytes"], ["blocks", "outstanding blocks"], ["allocated", "allocated bytes"],
	["growth", "growth since the last summary"]];
const COLUMNS = [["bytes", "Bytes"], ["blocks", "Blocks"], ["growth", "Growth"], ["allocs", "Allocations"],
	["allocated", "Allocated"], ["oldest", "Oldest"], ["newest", "Newest"]];
/* What the flame graph and the table can be of, and what their blocks are. */
const LISTS = [["stacks", "heap", "blocks"], ["mapped", "mapped ranges", "ranges"], ["arenas", "arenas", "blocks"]];
const state = { process: -1, list: "stacks", unit: "blocks", measure: "bytes", search: "", sort: "bytes", descending: true, rows: ROWS_AT_ONCE, zoom: null };
let snapshots, last, root, matching;

/* ---- words ---- */

function words_bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0, value = Math.abs(n);
	while (value >= 1023.95 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return (n < 0 ? "−" : "") + (unit ? value.toFixed(1) : value) + " " + units[unit];
}

function words_age(seconds) {
	if (seconds < 0)
		return "–";
	return seconds < 120 ? seconds.toFixed(1) + " s" : seconds < 7200 ? (seconds / 60).toFixed(0) + " min" :
		(seconds / 3600).toFixed(1) + " h";
}

const words_count = (n) => n.toLocaleString("en");
const words_some = (n, one) => `${words_count(n)} ${one}${n === 1 ? "" : one.endsWith("s") ? "es" : "s"}`;
const words_measure = (n) => state.measure === "blocks" ? `${words_count(n)} ${state.unit}` : words_bytes(n);

const WORDS = { bytes: words_bytes, blocks: words_count, growth: words_bytes, allocs: words_count,
	allocated: words_bytes, oldest: words_age, newest: words_age };

/* Math.max takes no more than some 100,000 arguments. */
const largest = (numbers, least) => numbers.reduce((most, n) => Math.max(most, n), least);

function text_at(number) {
	return number < 0 ? "" : last.strings[number];
}

function frame_name(number) {
	const [name, module] = last.frames[number];
	return text_at(name) || "[" + (text_at(module).split("/").pop() || "unknown") + "]";
}

function frame_words(number) {
	const [, module, file, line, inlined] = last.frames[number];
	const place = file >= 0 ? text_at(file) + (line ? ":" + line : "") : text_at(module);
	return frame_name(number) + (inlined ? " (inlined)" : "") + (place ? "  " + place : "");
}

/* ---- elements ---- */

function element(name, attributes, ...children) {
	const made = document.createElement(name);
	for (const key in attributes)
		made.setAttribute(key, attributes[key]);
	made.append(...children);
	return made;
}

function drawing(name, attributes, ...children) {
	const made = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const key in attributes)
		made.setAttribute(key, attributes[key]);
	made.append(...children);
	return made;
}

/* ---- the tree of what is shown ---- */

function shown_processes() {
	return state.process < 0 ? last.processes : [last.processes[state.process]];
}

function shown_stacks() {
	return shown_processes().flatMap((process) => process[state.list] ?? []);
}

/* Each node's value is what its stacks hold; nodes lie behind their parents in the list. */
function tree_build() {
	const column = STACK[state.measure], values = new Float64Array(last.nodes.length);
	const nodes = last.nodes.map(([, frame]) => ({ frame, value: 0, children: [], depth: 0, parent: null }));
	root = { frame: -1, value: 0, children: [], depth: -1, parent: null };
	for (const stack of shown_stacks())
		values[stack[STACK.node]] += Math.max(0, stack[column]);
	for (let i = nodes.length - 1; i >= 0; i--) {
		nodes[i].value = values[i];
		if (last.nodes[i][0] >= 0)
			values[last.nodes[i][0]] += values[i];
		else
			root.value += values[i];
	}
	nodes.forEach((node, i) => {
		node.parent = last.nodes[i][0] >= 0 ? nodes[last.nodes[i][0]] : root;
		node.depth = node.parent.depth + 1;
		if (node.value > 0)
			node.parent.children.push(node);
	});
	nodes.forEach((node) => node.children.sort((a, b) => b.value - a.value));
	root.children.sort((a, b) => b.value - a.value);
	state.zoom = root;
}

/* ---- the flame graph ---- */

function ancestors_of(node) {
	const found = [];
	for (let at = node.parent; at && at !== root; at = at.parent)
		found.unshift(at);
	return found;
}

/* [node, left, width] of all that is wide enough to be seen; shares of 1. */
function flame_layout(least) {
	const boxes = ancestors_of(state.zoom).map((node) => [node, 0, 1, true]);
	const waiting = state.zoom === root ? [] : [[state.zoom, 0, 1, false]];
	const push_children = (node, left, share) => {
		for (const child of node.children) {
			waiting.push([child, left, child.value * share, false]);
			left += child.value * share;
		}
	};
	if (state.zoom === root && root.value)
		push_children(root, 0, 1 / root.value);
	while (waiting.length && boxes.length < FRAMES_MAX) {
		const box = waiting.pop();
		if (box[2] < least)
			continue;
		boxes.push(box);
		push_children(box[0], box[1], box[2] / box[0].value);
	}
	return boxes;
}

function flame_box([node, left, width, is_outer]) {
	const name = frame_name(node.frame);
	const box = element("button", { class: "frame" + (is_outer ? " outer" : "") + (matching && matching[node.frame] ? " match" : ""),
		type: "button", role: "treeitem", tabindex: "-1", "aria-level": node.depth + 1,
		title: frame_words(node.frame) + "\n" + words_measure(node.value),
		style: `left:${left * 100}%;width:${width * 100}%;top:${node.depth * ROW}px` }, width > 0.015 ? name : "");
	box.setAttribute("aria-label", name + ", " + words_measure(node.value));
	box.node = node;
	return box;
}

function flame_draw() {
	const flame = $("flame"), boxes = flame_layout(1 / Math.max(flame.clientWidth, 400));
	const elements = boxes.map(flame_box);
	const depth = boxes.reduce((most, [node]) => Math.max(most, node.depth), 0);
	flame.replaceChildren(...elements);
	flame.style.height = (depth + 1) * ROW + "px";
	if (elements.length)
		(elements.find((box) => box.node === state.zoom) || elements[0]).tabIndex = 0;
	else
		flame.textContent = "Nothing to show.";
}

function flame_tell(node) {
	const share = root.value ? (node.value / root.value * 100).toFixed(1) : "0";
	$("detail").textContent = node === root ? "" :
		`${frame_words(node.frame)} — ${words_measure(node.value)}, ${share} %`;
}

function flame_zoom(node, focus) {
	state.zoom = node;
	flame_draw();
	flame_tell(node);
	if (focus)
		flame_focus(node);
}

function flame_focus(node) {
	const box = [...$("flame").children].find((child) => child.node === node);
	if (box)
		box.focus();
}

/* Callers are above, callees below. */
function flame_neighbour(node, key) {
	const siblings = node.parent ? node.parent.children : [node], at = siblings.indexOf(node);
	switch (key) {
	case "ArrowUp": return node.parent === root ? node : node.parent;
	case "ArrowDown": return node.children[0];
	case "ArrowLeft": return siblings[at - 1];
	case "ArrowRight": return siblings[at + 1];
	}
	return null;
}

function flame_key(event) {
	const node = event.target.node, next = node && flame_neighbour(node, event.key);
	if (event.key === "Escape") {
		flame_zoom(root, false);
		$("flame").firstElementChild?.focus();
	} else if (next) {
		event.preventDefault();
		flame_focus(next);
	}
}

/* ---- over time ---- */

const process_key = (process) => process.pid + "/" + process.image;

function curve_series() {
	const series = new Map();
	for (const snapshot of snapshots)
		for (const process of snapshot.processes) {
			const key = process_key(process);
			if (!series.has(key))
				series.set(key, { name: `${process.comm} ${process.pid}`, key, points: [] });
			series.get(key).points.push([snapshot.uptime, process.outstanding_bytes]);
		}
	const wanted = state.process < 0 ? null : process_key(last.processes[state.process]);
	const shown = [...series.values()].filter((one) => !wanted || one.key === wanted);
	for (const one of shown)
		one.most = largest(one.points.map((p) => p[1]), 0);
	return shown.sort((a, b) => b.most - a.most);
}

function curve_path(points, x, y) {
	return points.map(([time, bytes], i) => (i ? "L" : "M") + x(time).toFixed(1) + " " + y(bytes).toFixed(1)).join("");
}

function curve_draw() {
	const all = curve_series(), shown = all.slice(0, LINES_MAX), width = 1000, height = 220;
	const points = shown.flatMap((one) => one.points);
	const top = largest(points.map((p) => p[1]), 1), end = largest(points.map((p) => p[0]), 1e-9);
	const x = (time) => 80 + time / end * (width - 90), y = (bytes) => height - 20 - bytes / top * (height - 35);
	const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
		"aria-label": `outstanding bytes of ${words_some(shown.length, "process")}, by summary` });
	const legend = element("ul", {});
	for (const share of [0, 0.5, 1])
		svg.append(drawing("line", { class: "axis", x1: 80, x2: width - 10, y1: y(top * share), y2: y(top * share) }),
			drawing("text", { x: 74, y: y(top * share) + 4, "text-anchor": "end" }, words_bytes(Math.round(top * share))),
			drawing("text", { x: x(end * share), y: height - 4, "text-anchor": share ? "end" : "start" }, words_age(end * share)));
	shown.forEach((one, i) => {
		const colour = `hsl(${i * 360 / LINES_MAX + 210} 65% 50%)`;
		if (one.points.length > 1)
			svg.append(drawing("path", { d: curve_path(one.points, x, y), stroke: colour }));
		else
			svg.append(drawing("circle", { cx: x(one.points[0][0]), cy: y(one.points[0][1]), r: 4, fill: colour }));
		legend.append(element("li", {}, element("i", { style: `background:${colour}` }),
			`${one.name}: ${words_bytes(one.points[one.points.length - 1][1])}`));
	});
	if (all.length > shown.length)
		legend.append(element("li", {}, `and ${all.length - shown.length} smaller ones`));
	$("curve").replaceChildren(svg, legend);
}

/* ---- the table ---- */

/* Frame numbers, from the allocator out. */
function frames_of(node) {
	const frames = [];
	for (; node >= 0; node = last.nodes[node][0])
		frames.push(last.nodes[node][1]);
	return frames;
}

function matches(stack) {
	for (let node = stack[STACK.node]; node >= 0; node = last.nodes[node][0])
		if (matching[last.nodes[node][1]])
			return true;
	return false;
}

function table_stacks() {
	const column = STACK[state.sort], sign = state.descending ? -1 : 1;
	const stacks = shown_processes().flatMap((process) => (process[state.list] ?? []).map((stack) => [stack, process]));
	return stacks.filter(([stack]) => !matching || matches(stack)).sort(([a], [b]) => sign * (a[column] - b[column]));
}

/* The first frame that is not the allocator's own is what a person looks for. */
function stack_cell(stack, process) {
	const frames = frames_of(stack[STACK.node]), list = element("ol", {});
	const title = frames.length ? frame_words(frames[Math.min(1, frames.length - 1)]) : "[unknown]";
	const details = element("details", {}, element("summary", {}, title,
		state.process < 0 && last.processes.length > 1 ? element("small", {}, ` ${process.comm} ${process.pid}`) : ""), list);
	details.addEventListener("toggle", () => {
		if (list.childElementCount)
			return;
		list.append(...frames.map((frame) => element("li", {}, frame_words(frame))));
		if (!stack[STACK.complete])
			list.append(element("li", {}, "… the stack ends early"));
	});
	return element("td", {}, details);
}

function table_row([stack, process]) {
	const cells = COLUMNS.map(([key]) => element("td", {}, WORDS[key](stack[STACK[key]])));
	return element("tr", {}, ...cells, stack_cell(stack, process));
}

function table_draw() {
	const stacks = table_stacks();
	$("stacks").tBodies[0].replaceChildren(...stacks.slice(0, state.rows).map(table_row));
	$("stacks-title").textContent = `Call stacks: ${words_count(stacks.length)}`;
	$("more").hidden = stacks.length <= state.rows;
	for (const head of $("stacks").tHead.rows[0].cells)
		head.setAttribute("aria-sort", head.dataset.key !== state.sort ? "none" :
			state.descending ? "descending" : "ascending");
}

function table_sort(key) {
	state.descending = state.sort === key ? !state.descending : true;
	state.sort = key;
	table_draw();
}

function table_head() {
	const row = $("stacks").tHead.rows[0];
	for (const [key, title] of COLUMNS) {
		const button = element("button", { type: "button" }, title);
		button.addEventListener("click", () => table_sort(key));
		row.append(element("th", { scope: "col", "data-key": key }, button));
	}
	row.append(element("th", { scope: "col" }, "Stack"));
}

/* ---- findings ---- */

function finding_item([finding, process]) {
	const size = finding.size ? `, ${words_bytes(finding.size)}` : "";
	const item = element("li", {}, `${finding.kind} of ${finding.address}${size}, ${words_count(finding.count)} × in ` +
		`${process.comm} ${process.pid}`);
	for (const [title, node] of finding.stacks)
		item.append(element("details", {}, element("summary", {}, title),
			element("ol", {}, ...frames_of(node).map((frame) => element("li", {}, frame_words(frame))))));
	return item;
}

function findings_draw() {
	const findings = shown_processes().flatMap((process) => process.findings.map((finding) => [finding, process]));
	$("findings").hidden = !findings.length;
	$("findings-title").textContent = `Wrong frees: ${words_count(findings.length)}`;
	$("findings").querySelector("ul").replaceChildren(...findings.map(finding_item));
}

/* ---- sections ---- */

/* Their stacks are one more list of the process. */
const list_of_section = (section) => `left by ${section.about.function}`;

function section_words({ function: name, calls, calls_left, calls_under_way, threads, complete }, process) {
	return `${name}, in ${process.comm} ${process.pid}: ${words_some(calls, "call")}` +
		(threads > 1 ? ` by ${words_some(threads, "thread")}` : "") +
		(calls_left ? `; ${words_count(calls_left)} left by an exception or longjmp` : "") +
		(calls_under_way ? `; ${words_count(calls_under_way)} not returned` : "") +
		(complete ? "" : "; INCOMPLETE: events of this process were lost");
}

function quantity_row([what, is_bytes, sum, most], calls) {
	const mean = calls ? Math.round(sum / calls * 100) / 100 : 0;
	const cells = [mean, most].map((n) => element("td", {}, is_bytes ? words_bytes(n) : words_count(n)));
	return element("tr", {}, element("th", { scope: "row" }, what), ...cells);
}

function section_table([section, process]) {
	const titles = ["per call", "mean", "most"].map((title) => element("th", { scope: "col" }, title));
	return element("table", { class: "section" }, element("caption", {}, section_words(section.about, process)),
		element("thead", {}, element("tr", {}, ...titles)),
		element("tbody", {}, ...section.quantities.map((row) => quantity_row(row, section.about.calls))));
}

function sections_draw() {
	const sections = shown_processes().flatMap((process) => process.sections.map((section) => [section, process]));
	$("sections").hidden = !sections.length;
	$("sections-title").textContent = `Calls of functions: ${words_count(sections.length)}`;
	$("sections").querySelector("div").replaceChildren(...sections.map(section_table));
}

/* ---- search and choice ---- */

function search_apply() {
	const wanted = state.search.toLowerCase();
	matching = wanted ? last.frames.map((_, i) => frame_words(i).toLowerCase().includes(wanted)) : null;
	$("found").textContent = "";
	if (!matching)
		return;
	const column = STACK[state.measure];
	const found = shown_stacks().filter(matches).reduce((sum, stack) => sum + Math.max(0, stack[column]), 0);
	$("found").textContent = `${words_measure(found)}, ${root.value ? (found / root.value * 100).toFixed(1) : 0} %`;
}

function draw_all() {
	tree_build();
	search_apply();
	flame_draw();
	flame_tell(root);
	findings_draw();
	sections_draw();
	curve_draw();
	table_draw();
}

function search_changed() {
	state.search = $("search").value.trim();
	state.rows = ROWS_AT_ONCE;
	search_apply();
	flame_draw();
	table_draw();
}

/* Of what is there: a heap alone needs no choice. */
function list_switches() {
	const there = LISTS.filter(([key]) => key === "stacks" || last.processes.some((process) => process[key].length));
	const names = new Set(last.processes.flatMap((process) => process.sections.map(list_of_section)));
	there.push(...[...names].map((name) => [name, name, "blocks"]));
	$("lists").hidden = there.length < 2;
	switches("lists", "list", there);
}

/* A choice of one of [[value, title, unit]] for a field of the state. */
function switches(id, field, choices) {
	for (const [key, title, unit] of choices) {
		const input = element("input", { type: "radio", name: field, value: key });
		input.checked = key === state[field];
		input.addEventListener("change", () => {
			state[field] = key;
			state.unit = unit || state.unit;
			draw_all();
		});
		$(id).append(element("label", {}, input, " " + title));
	}
}

function process_choices() {
	const choose = $("process");
	if (last.processes.length !== 1)
		choose.append(new Option(`all ${last.processes.length}`, -1));
	else
		state.process = 0;
	last.processes.forEach((process, i) => choose.append(
		new Option(`${process.comm} ${process.pid} — ${words_bytes(process.outstanding_bytes)}`, i)));
	choose.addEventListener("change", () => {
		state.process = Number(choose.value);
		draw_all();
	});
}

function head_draw() {
	const incomplete = last.processes.filter((process) => !process.complete);
	const bytes = last.processes.reduce((sum, process) => sum + process.outstanding_bytes, 0);
	$("where").textContent = `${last.host}, Linux ${last.kernel}, ${new Date(last.time * 1000).toISOString().slice(0, 19)}Z, ` +
		`after ${words_age(last.uptime)}`;
	$("verdict").textContent = incomplete.length ?
		`${words_bytes(bytes)} outstanding. INCOMPLETE: of ${words_some(incomplete.length, "process")} something was lost ` +
		`(${incomplete.slice(0, 5).map((process) => `${process.comm} ${process.pid}`).join(", ")})` :
		`${words_bytes(bytes)} outstanding in ${words_some(last.processes.length, "process")}. The books are complete.`;
	if (last.sample_bytes)
		$("verdict").textContent += ` Numbers are estimates: one byte in ${words_bytes(last.sample_bytes)} was sampled.`;
	$("verdict").className = incomplete.length ? "bad" : "";
	document.title = `heaptap: ${words_bytes(bytes)} outstanding`;
}

function theme_turn() {
	const root_style = document.documentElement, is_dark = root_style.dataset.theme === "dark";
	root_style.dataset.theme = is_dark ? "light" : "dark";
}

function listen() {
	$("flame").addEventListener("click", (event) => event.target.node && flame_zoom(event.target.node, true));
	$("flame").addEventListener("focusin", (event) => event.target.node && flame_tell(event.target.node));
	$("flame").addEventListener("mouseover", (event) => event.target.node && flame_tell(event.target.node));
	$("flame").addEventListener("keydown", flame_key);
	$("search").addEventListener("input", search_changed);
	$("theme").addEventListener("click", theme_turn);
	$("more").addEventListener("click", () => {
		state.rows += ROWS_AT_ONCE;
		table_draw();
	});
	addEventListener("resize", flame_draw);
}

function unpacked(block) {
	const processes = block.processes.map(({ about, ...lists }) => ({ ...about, ...lists }));
	for (const process of processes)
		for (const section of process.sections)
			process[list_of_section(section)] = section.stacks;
	return { ...block, ...block.about, processes };
}

/* A file that is still being written, or was cut off, has a last block that is not whole. */
function read_blocks() {
	const blocks = [];
	for (const block of document.querySelectorAll("script[type='application/json']")) {
		try {
			blocks.push(unpacked(JSON.parse(block.textContent)));
		} catch (error) {
			break;
		}
	}
	return blocks;
}

addEventListener("DOMContentLoaded", () => {
	snapshots = read_blocks();
	last = snapshots[snapshots.length - 1];
	if (!last) {
		$("verdict").textContent = "This file holds no summary.";
		return;
	}
	document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
	head_draw();
	process_choices();
	list_switches();
	switches("measures", "measure", MEASURES);
	table_head();
	listen();
	draw_all();
	document.documentElement.dataset.ready = "yes";
});
