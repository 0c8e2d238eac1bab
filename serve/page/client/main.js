// What the page's events in Python call.
const showIn = (id, content) => scriptView.render(dom.find(`#${id} .script`), content || "", false);

window.coldOpen = {
  attach: events.attach,
  speakerOf: scriptView.speakerOf,
  showAlternatives: probabilities.showAlternatives,
  showIn,
  ...scene,
  ...links,
  ...paper,
  ...readAloud,
  ...image,
};
