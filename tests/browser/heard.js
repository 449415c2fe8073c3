// Records the last three seconds of what a page plays: beside the graph, whatever is connected to the loudspeaker is connected to a recorder, too.
(() => {
  const blocks = [];
  const recorders = new WeakMap();
  let rate = 48000;
  const connect = AudioNode.prototype.connect;

  function recorderOf(context) {
    if (!recorders.has(context)) {
      const recorder = context.createScriptProcessor(2048, 2, 1);
      recorder.onaudioprocess = ({ inputBuffer }) => {
        const left = inputBuffer.getChannelData(0);
        blocks.push([left.slice(), inputBuffer.getChannelData(1).slice()]);
        if (blocks.length * 2048 > 3 * rate) blocks.shift();
      };
      connect.call(recorder, context.destination);
      recorders.set(context, recorder);
      rate = context.sampleRate;
    }
    return recorders.get(context);
  }

  AudioNode.prototype.connect = function (target, ...rest) {
    if (target === this.context.destination) connect.call(this, recorderOf(this.context));
    return connect.call(this, target, ...rest);
  };

  window.heard = {
    rate: () => rate,
    taken() {
      const all = new Float32Array(blocks.length * 4096);
      blocks.forEach(([left, right], number) => {
        all.set(left, number * 2048);
        all.set(right, (blocks.length + number) * 2048);
      });
      const bytes = new Uint8Array(all.buffer);
      let text = "";
      for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
      return btoa(text);
    },
  };
})();
