"""What a page must have to be read by everybody: rules in the manner of WCAG 2.2, measured in the
browser as it shows the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

_FAULTS: Final = r"""() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const said = (at) => at.outerHTML.slice(0, 120);
  const name = (at) => {
    if (at.getAttribute("aria-label")) return at.getAttribute("aria-label");
    const by = at.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => byId(id)?.textContent ?? "").join(" ");
    if (at.labels && at.labels.length) return at.labels[0].textContent;
    return at.textContent;
  };
  if (document.documentElement.lang !== "en") found.push("no language");
  if (!/\S+ · Clearance/.test(document.title)) found.push("no title");
  for (const selector of ["main", "h1", "body > header", "body > footer"])
    if (all(selector).length !== 1) found.push(`${selector}: ${all(selector).length}`);
  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const at = Number(heading.tagName[1]);
    if (at > level + 1) found.push(`skips a level: ${said(heading)}`);
    if (!heading.textContent.trim()) found.push(`empty heading: ${said(heading)}`);
    level = at;
  }
  const ids = all("[id]").map((at) => at.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`twice: #${id}`);
  const fields = "input:not([type=hidden]), select, textarea";
  const named = `${fields}, button, a[href], summary, progress, [role=region], nav, section`;
  for (const at of all(named))
    if (!name(at).trim()) found.push(`no name: ${said(at)}`);
  for (const at of all(fields))
    if (!at.labels.length) found.push(`no label: ${said(at)}`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"])
    for (const at of all(`[${attribute}]`))
      for (const id of at.getAttribute(attribute).split(" "))
        if (!byId(id)) found.push(`${attribute} leads nowhere: ${said(at)}`);
  for (const at of all("a[href^='#']"))
    if (!byId(at.getAttribute("href").slice(1))) found.push(`leads nowhere: ${said(at)}`);
  for (const at of all("table"))
    if (!at.querySelector("thead th[scope=col]")) found.push(`no heads: ${said(at)}`);
  for (const at of all("a[target=_blank]"))
    if (!/new tab/.test(at.textContent) || !at.rel.includes("noopener"))
      found.push(`new tab: ${said(at)}`);
  for (const at of all("ul > :not(li), ol > :not(li), dl > :not(div)"))
    found.push(`list: ${said(at)}`);
  for (const at of all("[tabindex]"))
    if (Number(at.getAttribute("tabindex")) > 0) found.push(`order of focus: ${said(at)}`);
  for (const at of all(`button, ${fields}, nav a`)) {
    if (at.type === "checkbox") continue;  // its label is as good a target
    const box = at.getBoundingClientRect();
    if (box.width && (box.height < 24 || box.width < 24)) found.push(`too small: ${said(at)}`);
  }
  return found;
}"""

_CONTRASTS: Final = r"""() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const over = (top, under) =>
    [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = (at) => {
    const layers = [];
    for (let one = at; one; one = one.parentElement) {
      layers.push(rgba(getComputedStyle(one).backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [1, 1, 1, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour
      .slice(0, 3)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  let measured = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || at.closest(".visually-hidden, .skip")) continue;
    if (!at.checkVisibility()) continue;
    const style = getComputedStyle(at);
    const under = ground(at);
    const ratio = contrast(over(rgba(style.color), under), under);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    measured += 1;
    if (ratio < (large ? 3 : 4.5))
      found.push(`${ratio.toFixed(2)}: ${walk.currentNode.textContent.trim().slice(0, 60)}`);
  }
  for (const at of document.querySelectorAll("input, select, textarea, button")) {
    if (!at.checkVisibility() || at.type === "hidden" || at.type === "checkbox") continue;
    const under = ground(at.parentElement);
    const style = getComputedStyle(at);
    const edge = contrast(over(rgba(style.borderTopColor), under), under);
    const fill = contrast(ground(at), under);
    if (Math.max(edge, fill) < 3)
      found.push(`${edge.toFixed(2)}: edge of ${at.outerHTML.slice(0, 80)}`);
  }
  return measured > 5 ? found : ["hardly anything was measured"];
}"""


_DRESSED = """() => document.readyState === "complete"
    && [...document.styleSheets].some((sheet) => sheet.cssRules.length > 0)"""


def faults(page: Page) -> list[str]:
    """What keeps a page from being read aloud, or worked by keyboard; empty if nothing does."""
    page.wait_for_function(_DRESSED)
    found: list[str] = page.evaluate(_FAULTS)
    return found


def contrasts(page: Page) -> list[str]:
    """Texts of less contrast than WCAG AA asks for, and controls whose bounds are hard to see."""
    page.wait_for_function(_DRESSED)
    found: list[str] = page.evaluate(_CONTRASTS)
    return found
