// What a reader of a page complains of: each function answers with sentences, and with none where all is well.
// Everything is measured as it is drawn, in the browser's own numbers; SVG is text like any other.
window.reader = (() => {
  const SMALLEST = 11; // px
  const SLACK = 2; // px by which two lines of text may touch: a font's box is higher than its letters

  const spoken = (text) => `"${text.words}"`;

  const drawn = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  /** Every piece of text that can be seen, with its place. */
  const texts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      if (!node.data.trim() || parent.closest("title, style, script") || !drawn(parent)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const svg = parent.closest("svg");
      const boxes = svg ? [parent.getBoundingClientRect()] : [...range.getClientRects()];
      const places = boxes.filter((box) => box.width > 0 && box.height > 0);
      if (places.length) found.push({ words: node.data.trim().slice(0, 40), parent, places, svg });
    }
    return found;
  };

  /** The page is wider than the screen. */
  const tooWide = () => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? [`the page is ${scrollWidth} px wide on ${clientWidth}`] : [];
  };

  const outside = (box, frame) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;

  /** Text that leaves the screen, its drawing, or whatever cuts it off. */
  const cut = () =>
    texts().flatMap((text) => {
      const frames = [{ left: 0, right: document.documentElement.clientWidth, top: 0, bottom: Infinity }];
      for (let at = text.parent; at; at = at.parentElement) {
        if (at === text.svg || (!at.closest("svg") && getComputedStyle(at).overflowX !== "visible")) {
          if (at !== document.documentElement && at !== document.body) frames.push(at.getBoundingClientRect());
        }
      }
      return text.places.some((box) => frames.some((frame) => outside(box, frame))) ? [`${spoken(text)} is cut off`] : [];
    });

  const meet = (one, other) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > SLACK &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > SLACK;

  /** Text that lies on other text. */
  const overlapping = () => {
    const all = texts().flatMap((text) => text.places.map((box) => ({ text, box })));
    return all.flatMap((one, at) =>
      all.slice(at + 1).flatMap((other) =>
        one.text !== other.text && meet(one.box, other.box) ? [`${spoken(one.text)} lies on ${spoken(other.text)}`] : [],
      ),
    );
  };

  /** Text that is too small, a drawing's scale included. */
  const small = () =>
    texts().flatMap((text) => {
      const turned = text.svg ? text.parent.getScreenCTM() : { a: 1, b: 0 };
      const size = parseFloat(getComputedStyle(text.parent).fontSize) * Math.hypot(turned.a, turned.b);
      return size < SMALLEST - 0.05 ? [`${spoken(text)} is ${size.toFixed(1)} px high`] : [];
    });

  const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  /** Any CSS colour as [red, green, blue, opacity], opacity from 0 to 1. */
  const colour = (written, opacity = 1) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = written;
    brush.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, (alpha / 255) * opacity];
  };

  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);

  const paint = (element) => {
    const style = getComputedStyle(element);
    const shape = element instanceof SVGGeometryElement;
    return shape ? colour(style.fill, parseFloat(style.fillOpacity)) : colour(style.backgroundColor);
  };

  /** What a place shows beneath an element; without one, what it shows at all. */
  const ground = (x, y, element) => {
    const stack = document.elementsFromPoint(x, y).filter((each) => !(each instanceof SVGTextContentElement));
    const from = element ? stack.indexOf(element) + 1 : 0;
    return stack
      .slice(from)
      .reverse()
      .reduce((below, each) => over(paint(each), below), colour("Canvas"));
  };

  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  /** WCAG's contrast of two colours. */
  const contrast = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };

  /** Text that stands out too little from what is behind it: WCAG 2, level AA. */
  const faint = () =>
    texts().flatMap((text) => {
      const style = getComputedStyle(text.parent);
      const [box] = text.places;
      const behind = ground(box.left + box.width / 2, box.top + box.height / 2, null);
      const ink = over(colour(text.svg ? style.fill : style.color), behind);
      const size = parseFloat(style.fontSize);
      const least = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700) ? 3 : 4.5;
      const found = contrast(ink, behind);
      return found < least ? [`${spoken(text)} has a contrast of ${found.toFixed(2)}`] : [];
    });

  /** Bars, curves and swatches that stand out too little: WCAG 2.1, level AA, 1.4.11. */
  const pale = (selector) =>
    [...document.querySelectorAll(selector)].filter(drawn).flatMap((element) => {
      const box = element.getBoundingClientRect();
      const stroked = element instanceof SVGPolylineElement;
      const behind = ground(box.left + box.width / 2, box.top + box.height / 2, element);
      const ink = stroked ? colour(getComputedStyle(element).stroke) : paint(element);
      if (!stroked && !ink[3]) return []; // drawn by a pattern, whose colours are others'
      const found = contrast(over(ink, behind), behind);
      return found < 3 ? [`${element.outerHTML.slice(0, 60)} has a contrast of ${found.toFixed(2)}`] : [];
    });

  return { tooWide, cut, overlapping, small, faint, pale };
})();
