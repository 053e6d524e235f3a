// Measures how long a media element really plays, from nothing but its own events and `played` ranges.
export class PlayingClock {
  #media;
  #elapsedMs = 0;
  #since = null;

  constructor(media) {
    this.#media = media;
    media.addEventListener("play", () => { this.playAt ??= performance.now(); });
    media.addEventListener("playing", () => this.#run());
    for (const type of ["pause", "waiting", "seeking", "ended", "error"]) {
      media.addEventListener(type, () => this.#halt());
    }
  }

  // Wall time between a `playing` and what ends it.
  get playingS() {
    return (this.#elapsedMs + (this.#since === null ? 0 : performance.now() - this.#since)) / 1000;
  }

  // Media time that was rendered: at rate 1 and without replays the same, from another source.
  get playedS() {
    const ranges = this.#media.played;
    return Array.from({ length: ranges.length }, (_, i) => ranges.end(i) - ranges.start(i)).reduce((a, b) => a + b, 0);
  }

  // From the first `play` to the first `playing`.
  get startupMs() {
    return this.firstPlayingAt - this.playAt;
  }

  #run() {
    this.firstPlayingAt ??= performance.now();
    this.#since ??= performance.now();
  }

  #halt() {
    if (this.#since !== null) {
      this.#elapsedMs += performance.now() - this.#since;
      this.#since = null;
    }
  }
}
