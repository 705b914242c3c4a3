extension Operation {
    /// Its line of JSON, without the line's end.
    ///
    /// Field by field in the overview of this target.
    package var line: String {
        var text = "{\"process\":\(process),\"kind\":\"\(kind)\""
        if !tenant.isEmpty { text += ",\"tenant\":\(Words.quoted(tenant))" }
        text += ",\"key\":\(Words.quoted(target)),\"input\":{\(input.joined(separator: ","))}"
        text += ",\"output\":\(output),\"call_ns\":\(callNanoseconds),\"return_ns\":"
        return text + (returnNanoseconds.map { "\($0)" } ?? "null") + "}"
    }

    /// The name of the kind.
    var kind: String {
        switch action {
        case .read: "read"
        case .write: "write"
        case .compareAndSet: "cas"
        case .put: "put"
        case .delete: "delete"
        case .get: "get"
        case .list: "list"
        case .usage: "usage"
        case .createBucket: "create_bucket"
        case .deleteBucket: "delete_bucket"
        case .setQuota: "set_quota"
        case .given: "given"
        }
    }

    /// What it is about: a register, or bucket, slash and key.
    var target: String {
        switch action {
        case .read(let register), .write(let register, _), .compareAndSet(let register, _, _):
            register
        case .put(let place, _, _, _), .delete(let place, _), .get(let place): place.text
        case .list(let bucket, _, _, _), .createBucket(let bucket), .deleteBucket(let bucket):
            "\(bucket)/"
        case .usage(let bucket): bucket.map { "\($0)/" } ?? ""
        case .setQuota: ""
        case .given(let bucket, let key): Place(bucket, key ?? []).text
        }
    }

    private var input: [String] {
        var fields: [String] = []
        switch action {
        case .read, .get, .createBucket, .deleteBucket, .given, .usage: break
        case .write(_, let value): fields = ["\"value\":\(Words.quoted(value))"]
        case .compareAndSet(_, let expected, let value):
            fields = [
                "\"expected\":\(expected.map(Words.quoted) ?? "null")",
                "\"value\":\(Words.quoted(value))",
            ]
        case .put(_, let etag, let size, let condition):
            fields = ["\"etag\":\(Words.quoted(etag))", "\"size\":\(size)"]
            if let condition { fields.append("\"if\":\(condition.json)") }
        case .delete(_, let condition):
            if let condition { fields.append("\"if\":\(condition.json)") }
        case .list(_, let prefix, let after, let maximum):
            if !prefix.isEmpty { fields.append("\"prefix\":\(Words.quoted(Words.encode(prefix)))") }
            if !after.isEmpty { fields.append("\"after\":\(Words.quoted(Words.encode(after)))") }
            fields.append("\"maximum\":\(maximum)")
        case .setQuota(let objects, let bytes):
            if let objects { fields.append("\"objects\":\(objects)") }
            if let bytes { fields.append("\"bytes\":\(bytes)") }
        }
        if isInBatch { fields.append("\"in_batch\":true") }
        if maximumAgeNanoseconds > 0 { fields.append("\"max_age_ns\":\(maximumAgeNanoseconds)") }
        return fields
    }

    private var output: String {
        var fields: [String]
        switch outcome {
        case .unknown: return "\"unknown\""
        case .refused(let reason): fields = ["\"refused\":\(Words.quoted(reason))"]
        case .done(let answer): fields = answer.json
        }
        if let sequence { fields.append("\"sequence\":\(sequence)") }
        if let index { fields.append("\"index\":\(index)") }
        return "{\(fields.joined(separator: ","))}"
    }
}

extension Place {
    /// Bucket, slash and key.
    var text: String { "\(bucket)/\(Words.encode(key))" }
}

extension Condition {
    fileprivate var json: String {
        switch self {
        case .absent: "\"absent\""
        case .present: "\"present\""
        case .match(let tags): "[\(tags.map(Words.quoted).joined(separator: ","))]"
        }
    }
}

extension Object {
    fileprivate var json: [String] {
        ["\"etag\":\(Words.quoted(etag))", "\"size\":\(size)"]
            + (sequence.map { ["\"put_sequence\":\($0)"] } ?? [])
    }
}

extension Answer {
    fileprivate var json: [String] {
        switch self {
        case .happened: []
        case .value(let value): ["\"value\":\(value.map(Words.quoted) ?? "null")"]
        case .swapped(let isSwapped): ["\"swapped\":\(isSwapped)"]
        case .removed(let isRemoved): ["\"removed\":\(isRemoved)"]
        case .object(let object): object.json
        case .page(let items, let isTruncated):
            [
                "\"items\":["
                    + items.map { item in
                        let key = "\"key\":\(Words.quoted(Words.encode(item.key)))"
                        return "{\(([key] + item.object.json).joined(separator: ","))}"
                    }.joined(separator: ",") + "]",
                "\"truncated\":\(isTruncated)",
            ]
        case .usage(let objects, let bytes): ["\"objects\":\(objects)", "\"bytes\":\(bytes)"]
        }
    }
}
