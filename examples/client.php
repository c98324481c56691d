<?php
/* Show the history of an account, as a program of 2012 would. An example to start from.

       php client.php URL USERNAME USER_KEY [xml|json]
       php client.php http://127.0.0.1:8080/ anna@example.com 0123456789abcdefABCDEF01 json

   It needs the curl extension, and SimpleXML for XML. It prints one line per message, with the fields
   date, sender, recipient, parts and type, separated by tabs. */

/** Send one request with this timestamp; return the body of the answer. */
function boxis_send($url, $username, $user_key, $params, $timestamp)
{
    $params['version'] = '1.0';
    $params['section'] = 'sms';
    $params['username'] = $username;
    $params['timestamp'] = $timestamp;
    $params['authcode'] = md5($timestamp . $user_key);

    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_POST, true);
    curl_setopt($curl, CURLOPT_POSTFIELDS, http_build_query($params, '', '&'));
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($curl, CURLOPT_CONNECTTIMEOUT, 10);
    // No limit for the whole answer, because a long history takes time; but stop if the server is silent.
    curl_setopt($curl, CURLOPT_LOW_SPEED_LIMIT, 1);
    curl_setopt($curl, CURLOPT_LOW_SPEED_TIME, 60);
    $body = curl_exec($curl);
    if ($body === false) { // also if the answer was broken off
        fail(curl_error($curl));
    }
    return $body;
}

/** The answer as an object with the fields of the envelope, whatever the format. */
function boxis_parse($body, $format)
{
    $answer = $format == 'json' ? json_decode($body) : @simplexml_load_string($body);
    if (!is_object($answer) || !isset($answer->result)) {
        fail('this is not an answer of the Boxis API');
    }
    return $answer;
}

/** Sign, send, and do it once more with the server's timestamp if our clock is off. */
function boxis_call($url, $username, $user_key, $format, $params)
{
    $params['returntype'] = $format;
    $answer = boxis_parse(boxis_send($url, $username, $user_key, $params, time()), $format);
    if (!empty($answer->timestamperror)) {
        $timestamp = (string) $answer->timestamp;
        $body = boxis_send($url, $username, $user_key, $params, $timestamp);
        $answer = boxis_parse($body, $format);
    }
    return $answer;
}

/** The rows of a getHistory answer. */
function boxis_history($answer, $format)
{
    if ($format == 'xml') {
        return $answer->history->children();
    }
    // The JSON list is called `senders`, unless the account is set to the later name, `history`.
    $params = $answer->params;
    return isset($params->senders) ? $params->senders : $params->history;
}

function fail($message)
{
    fwrite(STDERR, "$message\n");
    exit(1);
}

$format = isset($argv[4]) ? $argv[4] : 'xml';
if ($argc < 4 || $argc > 5 || ($format != 'xml' && $format != 'json')) {
    fail('usage: php client.php URL USERNAME USER_KEY [xml|json]');
}
$answer = boxis_call($argv[1], $argv[2], $argv[3], $format, array('action' => 'getHistory'));
if ($answer->result != '1') {
    fail($answer->resulttxt);
}
foreach (boxis_history($answer, $format) as $sms) {
    // `reciptient` is how the wire spells the recipient, in both formats.
    $fields = array($sms->date, $sms->sender, $sms->reciptient, $sms->parts, $sms->type);
    echo implode("\t", $fields), "\n";
}
