// Small corrections to the theme's pages, each for a reason that stands above it.
document.addEventListener("DOMContentLoaded", () => {
  // What scrolls sideways in its own box can be scrolled with the keys, too.
  const boxes = "div.math, .cell_output, .pst-scrollable-table-container, .mg-graph, pre, figure";
  const reach = () => {
    for (const box of document.querySelectorAll(`article :is(${boxes})`)) {
      const scrolls = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
      if (scrolls && box.tabIndex < 0) box.tabIndex = 0;
    }
  };
  reach();
  addEventListener("load", reach);
  addEventListener("resize", reach);

  // A list for screen readers needs items; the bibliography's entries have a role that has been withdrawn.
  for (const entry of document.querySelectorAll(".citation-list > .citation")) entry.setAttribute("role", "listitem");
});
