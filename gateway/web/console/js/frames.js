/** One beat for everything that moves on the page: drawing happens once a frame, whatever number of events came. */

const drawers = new Set();
let running = false;
let second = -1;

/** draw(now_ms, aSecondOn): before each frame. Returns the function that ends it. */
export function everyFrame(draw) {
  drawers.add(draw);
  if (!running) {
    running = true;
    requestAnimationFrame(beat);
  }
  return () => drawers.delete(draw);
}

function beat(now_ms) {
  const aSecondOn = Math.floor(now_ms / 1000) !== second;
  second = Math.floor(now_ms / 1000);
  for (const draw of drawers) draw(now_ms, aSecondOn);
  running = drawers.size > 0;
  if (running) requestAnimationFrame(beat);
}
