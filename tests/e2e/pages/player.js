// One viewer: unmodified hls.js that reports CMCD v2 to ?service=, and the scenarios that tests call.
import { PlayingClock } from "./measure.js";

const asked = new URLSearchParams(location.search);
const video = document.querySelector("video");
const clock = new PlayingClock(video);

const player = new Hls({
  cmcd: {
    version: 2,
    sessionId: asked.get("session"),
    contentId: asked.get("stream"),
    eventTargets: [
      { url: `${asked.get("service")}/analytics/cmcd`, events: ["ps", "bc", "e", "t"], interval: 10, batchSize: 1 },
    ],
  },
});
player.loadSource(asked.get("source"));
player.attachMedia(video);

function when(type, isIt = () => true) {
  return new Promise((resolve) => {
    const listen = () => {
      if (isIt()) {
        video.removeEventListener(type, listen);
        resolve();
      }
    };
    video.addEventListener(type, listen);
  });
}

const reached = (position) => when("timeupdate", () => video.currentTime >= position);
const passed = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function measured() {
  return { playing_s: clock.playingS, played_s: clock.playedS, startup_ms: clock.startupMs };
}

// Watches with a pause and a jump forward, to the end.
async function watchToTheEnd({ pauseAt, pauseMs, seekAt, seekTo }) {
  const ended = when("ended");
  await video.play();
  await reached(pauseAt);
  video.pause();
  await passed(pauseMs);
  await video.play();
  await reached(seekAt);
  video.currentTime = seekTo;
  await ended;
  return measured();
}

// Starts to watch and goes on; resolves once a frame of that position was shown.
async function watchUntil(position) {
  await video.play();
  await reached(position);
}

async function pause() {
  const paused = when("pause");
  video.pause();
  await paused;
  return measured();
}

window.viewer = { watchToTheEnd, watchUntil, pause };
