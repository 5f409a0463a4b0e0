// The SDK's two jobs clients with one face: operations that answer or throw {code}, and a queue of notifications.
"use strict";

const { iotjobs, mqtt, mqtt5 } = require("aws-iot-device-sdk-v2");
const { randomUUID } = require("crypto");

/** What is heard, for whoever waits for it. */
class Inbox {
  heard = [];
  waiting = [];

  put(message) {
    const next = this.waiting.shift();
    if (next) next(message);
    else this.heard.push(message);
  }

  next() {
    return this.heard.length ? Promise.resolve(this.heard.shift()) : new Promise((done) => this.waiting.push(done));
  }
}

/** IotJobsClientv2: it subscribes by itself and finds answers by the client token. */
class NewerClient {
  nextChanged = new Inbox();

  constructor(protocol, thingName) {
    const options = { maxRequestResponseSubscriptions: 4, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 15 };
    const open = protocol instanceof mqtt5.Mqtt5Client ? "newFromMqtt5" : "newFromMqtt311";
    this.jobs = iotjobs.IotJobsClientv2[open](protocol, options);
    this.thingName = thingName;
  }

  async listen() {
    this.stream = this.jobs.createNextJobExecutionChangedStream({ thingName: this.thingName });
    const status = new Promise((done) => this.stream.once("subscriptionStatus", done));
    this.stream.on("incomingPublish", (event) => this.nextChanged.put(event.message));
    this.stream.open();
    await status;
  }

  async ask(operation, members) {
    try {
      return await this.jobs[operation]({ thingName: this.thingName, ...members });
    } catch (error) {
      throw error.modeledError || error;
    }
  }

  close() {
    this.stream.close();
    this.jobs.close();
  }
}

/** IotJobsClient: the program subscribes to both answers, then publishes. */
class OlderClient {
  nextChanged = new Inbox();
  answers = new Inbox();
  subscribed = new Set();

  constructor(protocol, thingName) {
    this.jobs = protocol instanceof mqtt5.Mqtt5Client
      ? iotjobs.IotJobsClient.newFromMqtt5Client(protocol)
      : new iotjobs.IotJobsClient(protocol);
    this.thingName = thingName;
  }

  async listen() {
    await this.jobs.subscribeToNextJobExecutionChangedEvents({ thingName: this.thingName }, mqtt.QoS.AtLeastOnce,
      (error, event) => this.nextChanged.put(error || event));
  }

  async ask(operation, members) {
    const name = operation[0].toUpperCase() + operation.slice(1);
    const request = { thingName: this.thingName, clientToken: randomUUID(), ...members };
    for (const verdict of ["Accepted", "Rejected"]) {
      const subscription = `subscribeTo${name}${verdict} ${request.jobId}`;
      if (this.subscribed.has(subscription)) continue;
      this.subscribed.add(subscription);
      await this.jobs[`subscribeTo${name}${verdict}`](request, mqtt.QoS.AtLeastOnce,
        (error, answer) => this.answers.put({ error, answer, verdict }));
    }
    await this.jobs[`publish${name}`](request, mqtt.QoS.AtLeastOnce);
    const { error, answer, verdict } = await this.answers.next();
    if (error || verdict === "Rejected") throw error || answer;
    return answer;
  }

  close() {}
}

module.exports = { v1: OlderClient, v2: NewerClient };
