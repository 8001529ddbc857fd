-- Wireshark dissector of the PEB tunnel, and of the PCI Express TLPs inside.
-- Generated from the table in crates/peb-wire by `cargo xtask gen`; do not edit.
--
-- Use: wireshark -X lua_script:peb.lua FILE, or copy it to the personal Lua plugins folder. With tshark, -2 is needed
-- for references from a request to its response.

local peb = Proto("peb", "PCIe-to-Ethernet Bridge")

local MAGIC, VERSION, HEADER_LEN = @MAGIC@, @VERSION@, @HEADER_LEN@
local PAD, CONTROL = @PAD@, @CONTROL@

local KINDS = {
@KINDS@
}

-- Byte 0 of a TLP.
local TYPES = {
@TYPES@
}

local STATUS = {
  [0] = "Successful Completion", [1] = "Unsupported Request", [2] = "Configuration Request Retry Status",
  [4] = "Completer Abort",
}

local ROUTING = {
  [0] = "to Root Complex", [1] = "by address", [2] = "by ID", [3] = "broadcast from Root Complex", [4] = "local",
  [5] = "gathered to Root Complex",
}

-- PCI Express Base Specification, 2.2.8.
local MESSAGES = {
  [0x00] = "Unlock", [0x10] = "LTR", [0x12] = "OBFF", [0x14] = "PM_Active_State_Nak", [0x18] = "PM_PME",
  [0x19] = "PME_Turn_Off", [0x1b] = "PME_TO_Ack", [0x20] = "Assert_INTA", [0x21] = "Assert_INTB",
  [0x22] = "Assert_INTC", [0x23] = "Assert_INTD", [0x24] = "Deassert_INTA", [0x25] = "Deassert_INTB",
  [0x26] = "Deassert_INTC", [0x27] = "Deassert_INTD", [0x30] = "ERR_COR", [0x31] = "ERR_NONFATAL",
  [0x33] = "ERR_FATAL", [0x50] = "Set_Slot_Power_Limit", [0x52] = "PTM Request", [0x53] = "PTM Response",
  [0x7e] = "Vendor_Defined Type 0", [0x7f] = "Vendor_Defined Type 1",
}

-- The tunnel header. `skip` bits of the bytes come before the field.
local HEADER = {
@FIELDS@
}

local names = {}
for byte0, entry in pairs(TYPES) do names[byte0] = entry.name end

-- The TLP. Tags, addresses and lengths are put together from several places, so they have no mask.
local tlp = {
  bytes = ProtoField.bytes("peb.tlp", "TLP"),
  type = ProtoField.uint8("peb.tlp.type", "Fmt and Type", base.HEX, names),
  tc = ProtoField.uint8("peb.tlp.tc", "Traffic class", base.DEC, nil, 0x70),
  ido = ProtoField.bool("peb.tlp.ido", "ID-based ordering", 8, nil, 0x04),
  th = ProtoField.bool("peb.tlp.th", "Processing hints", 8, nil, 0x01),
  td = ProtoField.bool("peb.tlp.td", "ECRC present (TD)", 8, nil, 0x80),
  ep = ProtoField.bool("peb.tlp.ep", "Poisoned (EP)", 8, nil, 0x40),
  ro = ProtoField.bool("peb.tlp.ro", "Relaxed Ordering", 8, nil, 0x20),
  ns = ProtoField.bool("peb.tlp.ns", "No Snoop", 8, nil, 0x10),
  at = ProtoField.uint8("peb.tlp.at", "Address type", base.DEC, nil, 0x0c),
  length = ProtoField.uint16("peb.tlp.length", "Length (dwords)", base.DEC),
  requester = ProtoField.uint16("peb.tlp.requester", "Requester ID", base.HEX),
  completer = ProtoField.uint16("peb.tlp.completer", "Completer ID", base.HEX),
  tag = ProtoField.uint16("peb.tlp.tag", "Tag", base.HEX),
  first_be = ProtoField.uint8("peb.tlp.first_be", "First DW BE", base.HEX, nil, 0x0f),
  last_be = ProtoField.uint8("peb.tlp.last_be", "Last DW BE", base.HEX, nil, 0xf0),
  steering_tag = ProtoField.uint8("peb.tlp.steering_tag", "Steering tag", base.HEX),
  address = ProtoField.uint64("peb.tlp.address", "Address", base.HEX),
  target = ProtoField.uint16("peb.tlp.target", "Target function", base.HEX),
  register = ProtoField.uint16("peb.tlp.register", "Register", base.HEX),
  routing = ProtoField.uint8("peb.tlp.routing", "Routing", base.DEC, ROUTING, 0x07),
  message = ProtoField.uint8("peb.tlp.message", "Message code", base.HEX, MESSAGES),
  specific = ProtoField.bytes("peb.tlp.specific", "Message header"),
  status = ProtoField.uint8("peb.tlp.status", "Completion status", base.DEC, STATUS, 0xe0),
  bcm = ProtoField.bool("peb.tlp.bcm", "Byte count modified", 8, nil, 0x10),
  byte_count = ProtoField.uint16("peb.tlp.byte_count", "Byte count", base.DEC),
  lower_address = ProtoField.uint8("peb.tlp.lower_address", "Lower address", base.HEX, nil, 0x7f),
  payload = ProtoField.bytes("peb.tlp.payload", "Payload"),
  ecrc = ProtoField.uint32("peb.tlp.ecrc", "ECRC", base.HEX),
  request_in = ProtoField.framenum("peb.tlp.request_in", "Request in", base.NONE, frametype.REQUEST),
  response_in = ProtoField.framenum("peb.tlp.response_in", "Response in", base.NONE, frametype.RESPONSE),
  time = ProtoField.double("peb.tlp.time", "Seconds since the request"),
}

local control = {
  bytes = ProtoField.bytes("peb.control", "Control record"),
  code = ProtoField.uint8("peb.control.code", "Code", base.DEC, nil, 0x1f),
  length = ProtoField.uint8("peb.control.length", "Length (dwords)", base.DEC),
}

local first_copy = ProtoField.framenum("peb.first_copy_in", "First copy in", base.NONE, frametype.RETRANS_PREV)

local fields = { first_copy }
for _, entry in ipairs(HEADER) do fields[#fields + 1] = entry.field end
for _, field in pairs(tlp) do fields[#fields + 1] = field end
for _, field in pairs(control) do fields[#fields + 1] = field end
peb.fields = fields

local note = {
  short = ProtoExpert.new("peb.short", "Frame ends in the header", expert.group.MALFORMED, expert.severity.ERROR),
  magic = ProtoExpert.new("peb.bad_magic", "Bad magic", expert.group.MALFORMED, expert.severity.ERROR),
  version = ProtoExpert.new("peb.bad_version", "Unknown version", expert.group.UNDECODED, expert.severity.WARN),
  kind = ProtoExpert.new("peb.bad_kind", "Unknown kind", expert.group.UNDECODED, expert.severity.WARN),
  retransmission = ProtoExpert.new("peb.retransmission", "Retransmission", expert.group.SEQUENCE, expert.severity.NOTE),
  duplicate = ProtoExpert.new("peb.duplicate", "Duplicate, not marked as a retransmission", expert.group.SEQUENCE,
    expert.severity.WARN),
  record = ProtoExpert.new("peb.bad_record", "Not a record, or cut off", expert.group.MALFORMED, expert.severity.ERROR),
  unmatched = ProtoExpert.new("peb.tlp.unmatched", "Completion without request", expert.group.SEQUENCE,
    expert.severity.NOTE),
}
peb.experts = { note.short, note.magic, note.version, note.kind, note.retransmission, note.duplicate, note.record,
  note.unmatched }

-- What is known of the capture. All of it is made on the first pass, in the order of the frames.
local copies       -- sender, session and sequence number -> number of the frame seen first
local first_frame  -- number of a later copy -> number of the first
local outstanding  -- direction, requester and tag -> transaction that waits for completions
local transactions -- frame number and offset -> transaction { request, time, responses }

function peb.init()
  copies, first_frame, outstanding, transactions = {}, {}, {}, {}
end

local function function_id(id)
  return string.format("%02x:%02x.%d", math.floor(id / 256), math.floor(id / 8) % 32, id % 8)
end

local function add_id(tree, field, range)
  tree:add(field, range):append_text(" (" .. function_id(range:uint()) .. ")")
end

-- Length in bytes by the first dword; nil for prefixes and reserved Fmt.
local function tlp_length(range)
  local fmt = range(0, 1):bitfield(0, 3)
  if fmt > 3 then return nil end
  local dwords = range(2, 2):bitfield(6, 10)
  if dwords == 0 then dwords = 1024 end
  local header = fmt % 2 == 1 and 16 or 12
  local payload = fmt >= 2 and dwords * 4 or 0
  return header + payload + range(2, 1):bitfield(0, 1) * 4, header, payload, dwords
end

-- Finds the transaction of a request or completion. A new request with the ID and tag of an old one replaces it.
local function transaction(pinfo, at, class, requester, tag, last)
  local number = first_frame[pinfo.number] or pinfo.number
  local key = number .. ":" .. at
  if pinfo.visited or first_frame[pinfo.number] then return transactions[key] end
  local from, to = tostring(pinfo.dl_src), tostring(pinfo.dl_dst)
  if class == "completion" then from, to = to, from end
  local id = string.format("%s>%s %d %d", from, to, requester, tag)
  if class == "non-posted" then
    outstanding[id] = { request = pinfo.number, time = pinfo.rel_ts, responses = {} }
    transactions[key] = outstanding[id]
  elseif outstanding[id] then
    transactions[key] = outstanding[id]
    table.insert(outstanding[id].responses, pinfo.number)
    if last then outstanding[id] = nil end
  end
  return transactions[key]
end

-- References between a TLP and its counterparts.
local function link(tree, pinfo, range, at, class, requester, tag, last)
  local found = transaction(pinfo, at, class, requester, tag, last)
  if class == "non-posted" and found then
    for _, number in ipairs(found.responses) do
      tree:add(tlp.response_in, range(0, 0), number):set_generated()
    end
  elseif class == "completion" and found then
    tree:add(tlp.request_in, range(0, 0), found.request):set_generated()
    tree:add(tlp.time, range(0, 0), pinfo.rel_ts - found.time):set_generated()
  elseif class == "completion" then
    tree:add_proto_expert_info(note.unmatched)
  end
end

local function address_of(range, header)
  local low = range(header - 4, 4):uint()
  return UInt64.new(low - low % 4, header == 16 and range(8, 4):uint() or 0)
end

local function add_completion(tree, range)
  add_id(tree, tlp.completer, range(4, 2))
  tree:add(tlp.status, range(6, 1))
  tree:add(tlp.bcm, range(6, 1))
  local count = range(6, 2):bitfield(4, 12)
  if count == 0 then count = 4096 end
  tree:add(tlp.byte_count, range(6, 2), count)
  tree:add(tlp.lower_address, range(11, 1))
  return count
end

local function add_message(tree, range)
  tree:add(tlp.routing, range(0, 1))
  tree:add(tlp.message, range(7, 1))
  tree:add(tlp.specific, range(8, 8))
  return MESSAGES[range(7, 1):uint()] or string.format("code 0x%02x", range(7, 1):uint())
end

-- What memory, I/O, AtomicOp and configuration requests share; returns the address or target as text.
local function add_request(tree, range, name, header, hinted)
  if name == "MRd" and hinted then
    tree:add(tlp.steering_tag, range(7, 1))
  else
    tree:add(tlp.first_be, range(7, 1))
    tree:add(tlp.last_be, range(7, 1))
  end
  if name:sub(1, 3) == "Cfg" then
    local register = range(10, 2):bitfield(4, 10) * 4
    add_id(tree, tlp.target, range(8, 2))
    tree:add(tlp.register, range(10, 2), register)
    return string.format("%s 0x%03x", function_id(range(8, 2):uint()), register)
  end
  local address = address_of(range, header)
  tree:add(tlp.address, range(8, header - 8), address)
  return "0x" .. address:tohex():gsub("^0+(.)", "%1")
end

-- One TLP at offset `at` of the frame's payload; returns its summary.
local function add_tlp(parent, pinfo, range, at, header, payload, dwords)
  local entry = TYPES[range(0, 1):uint()]
  local tree = parent:add(tlp.bytes, range)
  tree:add(tlp.type, range(0, 1))
  if not entry then
    tree:set_text("TLP: reserved type")
    tree:add_proto_expert_info(note.record, "Reserved Fmt and Type")
    return "reserved type"
  end
  for _, field in ipairs({ tlp.tc, tlp.ido, tlp.th }) do tree:add(field, range(1, 1)) end
  for _, field in ipairs({ tlp.td, tlp.ep, tlp.ro, tlp.ns, tlp.at }) do tree:add(field, range(2, 1)) end
  -- Length is reserved in completions and messages without data.
  if payload > 0 or entry.class == "non-posted" then tree:add(tlp.length, range(2, 2), dwords) end

  local completion = entry.class == "completion"
  local id, low_tag = range(completion and 8 or 4, 2), range(completion and 10 or 6, 1)
  local tag = range(1, 1):bitfield(0, 1) * 512 + range(1, 1):bitfield(4, 1) * 256 + low_tag:uint()
  add_id(tree, tlp.requester, id)
  tree:add(tlp.tag, low_tag, tag)

  local about, last
  if completion then
    local count = add_completion(tree, range)
    -- The last completion carries the rest of the bytes, from Lower Address on; one without data ends it too.
    last = payload == 0 or count <= payload - range(11, 1):uint() % 4
    about = string.format("%s tag 0x%02x", function_id(id:uint()), tag)
    if range(6, 1):bitfield(0, 3) ~= 0 then about = about .. " " .. (STATUS[range(6, 1):bitfield(0, 3)] or "?") end
  elseif entry.name:sub(1, 3) == "Msg" then
    about = add_message(tree, range)
  else
    about = add_request(tree, range, entry.name, header, range(1, 1):bitfield(7, 1) == 1)
    if entry.class == "non-posted" then about = string.format("%s tag 0x%02x", about, tag) end
  end
  if payload > 0 then tree:add(tlp.payload, range(header, payload)) end
  if range(2, 1):bitfield(0, 1) == 1 then tree:add(tlp.ecrc, range(header + payload, 4)) end
  link(tree, pinfo, range, at, entry.class, id:uint(), tag, last)
  tree:set_text(string.format("TLP: %s %s, %d bytes", entry.name, about, range:len()))
  return entry.name .. " " .. about
end

-- All records from offset `at` on; returns their summaries.
local function add_records(tree, pinfo, tvb, at)
  local about = {}
  while tvb:len() - at >= 4 and tvb(at, 1):uint() ~= PAD do
    local left, length, header, payload, dwords = tvb:len() - at, nil, nil, nil, nil
    local is_control = tvb(at, 1):uint() >= CONTROL
    if is_control then
      length = tvb(at + 1, 1):uint() * 4
    else
      length, header, payload, dwords = tlp_length(tvb(at, 4))
    end
    if not length or length == 0 or length > left then
      tree:add_tvb_expert_info(note.record, tvb(at), string.format("At byte %d: no record, or cut off", at))
      about[#about + 1] = "bad record"
      break
    end
    local range = tvb(at, length)
    if is_control then
      local record = tree:add(control.bytes, range)
      record:add(control.code, range(0, 1))
      record:add(control.length, range(1, 1))
      about[#about + 1] = "control " .. range(0, 1):bitfield(3, 5)
    else
      about[#about + 1] = add_tlp(tree, pinfo, range, at, header, payload, dwords)
    end
    at = at + length
  end
  return about
end

-- Recognises frames sent more than once, by sender, epochs and sequence number.
local function check_copy(tree, pinfo, tvb, marked)
  local number = pinfo.number
  if not pinfo.visited then
    local key = string.format("%s>%s %s", tostring(pinfo.dl_src), tostring(pinfo.dl_dst), tvb(2, 6):bytes():tohex())
    local first = copies[key]
    if first and first ~= number then first_frame[number] = first else copies[key] = number end
  end
  local first = first_frame[number]
  if first then tree:add(first_copy, tvb(0, 0), first):set_generated() end
  if marked then
    tree:add_proto_expert_info(note.retransmission,
      first and "Retransmission of frame " .. first or "Retransmission, first copy not captured")
  elseif first then
    tree:add_proto_expert_info(note.duplicate, "Duplicate of frame " .. first)
  end
end

function peb.dissector(tvb, pinfo, root)
  pinfo.cols.protocol = "PEB"
  local tree = root:add(peb, tvb(0, math.min(HEADER_LEN, tvb:len())))
  if tvb:len() < HEADER_LEN then
    tree:add_proto_expert_info(note.short)
    pinfo.cols.info = "Frame too short"
    return tvb:len()
  end
  local value = {}
  local in_data = tvb(1, 1):bitfield(4, 4) == 0
  for _, entry in ipairs(HEADER) do
    if entry.when == "always" or (entry.when == "data") == in_data then
      local range = tvb(entry.byte, entry.bytes)
      tree:add(entry.field, range)
      value[entry.name] = range:bitfield(entry.skip, entry.width)
    end
  end
  if value.magic ~= MAGIC or value.version ~= VERSION then
    tree:add_proto_expert_info(value.magic ~= MAGIC and note.magic or note.version)
    pinfo.cols.info = value.magic ~= MAGIC and "Bad magic" or "Unknown version"
    return tvb:len()
  end
  local kind = KINDS[value.kind]
  if not kind then
    tree:add_proto_expert_info(note.kind)
    pinfo.cols.info = "Unknown kind"
    return tvb:len()
  end
  local info = string.format("%s seq=%d ack=%d", kind, value.seq, value.ack)
  if value.data == 1 then
    check_copy(tree, pinfo, tvb, value.retransmit == 1)
    local about = add_records(root, pinfo, tvb, HEADER_LEN)
    info = info .. (value.retransmit == 1 and " [retransmission] " or " ") .. table.concat(about, ", ")
  end
  pinfo.cols.info = info
  return tvb:len()
end

peb.prefs.ethertype = Pref.uint("EtherType", @ETHERTYPE@, "EtherType of the tunnel")
local registered

local function register()
  local ethertypes = DissectorTable.get("ethertype")
  if registered then ethertypes:remove(registered, peb) end
  registered = peb.prefs.ethertype
  ethertypes:add(registered, peb)
end

peb.prefs_changed = register
register()
