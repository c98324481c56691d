<?php
// What such providers ran: one script, PDO, `echo` row by row. Rows are never held together, so a
// million of them need no more memory than ten.
declare(strict_types=1);

$json = ($_POST['returntype'] ?? 'xml') === 'json';
header('Content-Type: ' . ($json ? 'application/json' : 'text/xml; charset=UTF-8'));

function fail(string $description): never
{
    global $json;
    echo $json
        ? '{"result":"0","resulttxt":"Error: ' . $description . '","timestamp":' . time() . '}'
        : '<?xml version="1.0" encoding="UTF-8"?>' . "\n<return><result>0</result><resulttxt>error: "
            . $description . '</resulttxt><timestamp>' . time() . '</timestamp></return>';
    exit;
}

$db = new PDO('sqlite:' . $_SERVER['STORE'], null, null, [
    PDO::ATTR_PERSISTENT => true,
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::SQLITE_ATTR_OPEN_FLAGS => PDO::SQLITE_OPEN_READONLY,
]);

// who asks
$timestamp = $_POST['timestamp'] ?? '';
$query = $db->prepare('SELECT id, plain_key, enabled, options FROM account WHERE username_folded = ?');
$query->execute([strtolower($_POST['username'] ?? '')]);
$account = $query->fetch(PDO::FETCH_ASSOC);
$query->closeCursor();
if (!$account || !$account['enabled']
    || !hash_equals(md5($timestamp . $account['plain_key']), strtolower($_POST['authcode'] ?? ''))) {
    fail("'authcode' is not valid");
}
if (!ctype_digit($timestamp) || abs((int) $timestamp - time()) > 300) {
    fail("'timestamp' is not valid");
}
if (($_POST['section'] ?? 'sms') !== 'sms' || ($_POST['action'] ?? '') !== 'getHistory') {
    fail("'action' is not valid");
}

// which messages
date_default_timezone_set(json_decode($account['options'], true)['timezone'] ?? 'UTC');
$where = '';
$values = [$account['id']];
foreach (['datefrom' => ['>=', ''], 'dateto' => ['<=', '.999']] as $name => [$operator, $rest]) {
    if (($_POST[$name] ?? '') !== '') {
        $instant = strtotime($_POST[$name]);
        if ($instant === false) {
            fail("'$name' is not valid");
        }
        $where .= " AND sent_at $operator ?";
        $values[] = gmdate('Y-m-d H:i:s', $instant) . $rest;
    }
}
$query = $db->prepare(
    'SELECT sender, recipient, sent_at, parts, credit_thousandths, kind FROM message'
    . " WHERE account_id = ?$where AND status <> 'refused' ORDER BY sent_at DESC, id DESC"
);
$query->execute($values);

function digits(string $address): string
{
    return $address[0] === '+' && ctype_digit(substr($address, 1)) ? substr($address, 1) : $address;
}

// UTC -> the account's zone; by hand, since strtotime takes longer
function local(string $t): string
{
    return date('Y-m-d H:i:s', gmmktime((int) substr($t, 11, 2), (int) substr($t, 14, 2),
        (int) substr($t, 17, 2), (int) substr($t, 5, 2), (int) substr($t, 8, 2), (int) $t));
}

// the answer
$number = 0;
if ($json) {
    echo '{"result":"1","resulttxt":"success","params":{"senders":';
    while ($row = $query->fetch(PDO::FETCH_NUM)) {
        echo $number++ ? ',"sms' : '{"sms', $number, '":', json_encode([
            'sender' => digits($row[0]),
            'reciptient' => digits($row[1]),
            'date' => local($row[2]),
            'parts' => (string) $row[3],
            'credit' => (string) ($row[4] / 1000),
            'type' => $row[5],
        ]);
    }
    echo $number ? '}' : '[]', '},"timestamp":', time(), '}';
} else {
    echo '<?xml version="1.0" encoding="UTF-8"?>', "\n<return><result>1</result>",
        '<resulttxt>success</resulttxt><history>';
    while ($row = $query->fetch(PDO::FETCH_NUM)) {
        $number++;
        echo "<sms$number><sender>", htmlspecialchars(digits($row[0]), ENT_XML1 | ENT_NOQUOTES),
            '</sender><reciptient>', htmlspecialchars(digits($row[1]), ENT_XML1 | ENT_NOQUOTES),
            '</reciptient><date>', local($row[2]), '</date><parts>', $row[3],
            '</parts><credit>', $row[4] / 1000, "</credit><type>$row[5]</type></sms$number>";
    }
    echo '</history><timestamp>', time(), '</timestamp></return>';
}
