// How a program written with aws-iot-device-sdk-v2 gets to a broker: by certificate, or (MQTT 5) by password.
"use strict";

const { once } = require("events");
const { io, iot, mqtt, mqtt5 } = require("aws-iot-device-sdk-v2");

async function open3(site) {
  const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(site.certificate, site.key)
    .with_certificate_authority_from_path(undefined, site.ca)
    .with_endpoint(site.endpoint).with_port(site.port).with_client_id(site.thing).with_clean_session(false).build();
  const connection = new mqtt.MqttClient(new io.ClientBootstrap()).new_connection(config);
  await connection.connect();
  return { protocol: connection, close: () => connection.disconnect() };
}

async function open5(site) {
  const connectProperties = { clientId: site.thing, keepAliveIntervalSeconds: 1200, sessionExpiryIntervalSeconds: 3600 };
  const config = site.password
    ? { hostName: site.endpoint, port: site.port, disableMetrics: site.quiet,
        connectProperties: { ...connectProperties, username: site.thing, password: site.password } }
    : iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(site.endpoint, site.certificate, site.key)
        .withCertificateAuthorityFromPath(undefined, site.ca).withPort(site.port)
        .withConnectProperties(connectProperties).build();
  const client = new mqtt5.Mqtt5Client(config);
  const connected = new Promise((done, failed) => {
    client.once("connectionSuccess", done);
    client.once("connectionFailure", (event) => failed(event.error));
  });
  client.start();
  await connected;
  const close = async () => {
    const stopped = once(client, "stopped");
    client.stop();
    await stopped;
    client.close();
  };
  return { protocol: client, close };
}

module.exports = { 3: open3, 5: open5 };
