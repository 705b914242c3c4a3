extension Operation {
    /// What it is about, for people.
    var place: String { target.isEmpty ? "the tenant" : Words.plain(target) }

    /// The operation in words: who, what, when, and what was answered.
    var words: String {
        let begin = Words.moment(callNanoseconds)
        let end = returnNanoseconds.map { Words.moment($0) }
        let times = end.map { "\(begin) to \($0)" } ?? "from \(begin) on"
        var notes: [String] = []
        if let sequence { notes.append("sequence \(sequence)") }
        if let index { notes.append("index \(index)") }
        let note = notes.isEmpty ? "" : " [\(notes.joined(separator: ", "))]"
        return "process \(process)'s \(request), \(times): \(outcome.words)\(note)"
    }

    private var request: String {
        let age =
            maximumAgeNanoseconds > 0
            ? " of an age up to \(Words.moment(maximumAgeNanoseconds))" : ""
        switch action {
        case .read, .get: return "\(kind) of \(place)\(age)"
        case .write(_, let value): return "write of \(Words.plain(value)) to \(place)"
        case .compareAndSet(_, let expected, let value):
            let old = expected.map(Words.plain) ?? "nothing"
            return "cas of \(place) from \(old) to \(Words.plain(value))"
        case .put(_, let etag, let size, let condition):
            return "put of \(Words.plain(etag)) (\(size) bytes) to \(place)\(condition.words)"
        case .delete(_, let condition): return "delete of \(place)\(condition.words)"
        case .list(_, let prefix, let after, let maximum):
            let from = after.isEmpty ? "" : " behind \(Words.plain(Words.encode(after)))"
            let under = prefix.isEmpty ? "" : " under \(Words.plain(Words.encode(prefix)))"
            return "list of \(place)\(under)\(from), at most \(maximum)\(age)"
        case .usage: return "usage of \(place)\(age)"
        case .createBucket: return "creation of bucket \(place)"
        case .deleteBucket: return "deletion of bucket \(place)"
        case .setQuota(let objects, let bytes):
            let count = objects.map { "\($0)" } ?? "any number of"
            return "quota of \(count) objects and \(bytes.map { "\($0)" } ?? "any number of") bytes"
        case .given: return "given \(place)"
        }
    }
}

extension Condition? {
    fileprivate var words: String {
        switch self {
        case nil: ""
        case .absent: " if there is none"
        case .present: " if there is one"
        case .match(let tags): " if it is \(tags.map(Words.plain).joined(separator: " or "))"
        }
    }
}

extension Outcome {
    fileprivate var words: String {
        switch self {
        case .unknown: "unknown"
        case .refused(let reason): "refused, \(Words.plain(reason))"
        case .done(let answer): answer.words
        }
    }
}

extension Object {
    /// The object in words.
    var words: String {
        "\(Words.plain(etag)) (\(size) bytes\(sequence.map { ", put as \($0)" } ?? ""))"
    }
}

extension Answer {
    /// The answer in words.
    var words: String {
        switch self {
        case .happened: return "done"
        case .value(let value): return value.map(Words.plain) ?? "never written"
        case .swapped(let isSwapped): return isSwapped ? "swapped" : "not swapped"
        case .removed(let isRemoved): return isRemoved ? "deleted" : "nothing to delete"
        case .object(let object): return object.words
        case .page(let items, let isTruncated):
            let few = items.prefix(12).map { item in
                "\(Words.plain(Words.encode(item.key))) = \(item.object.words)"
            }
            let rest = items.count > few.count ? ", and \(items.count - few.count) more" : ""
            let end = isTruncated ? ", more to follow" : ""
            return items.isEmpty ? "empty\(end)" : few.joined(separator: ", ") + rest + end
        case .usage(let objects, let bytes): return "\(objects) objects of \(bytes) bytes"
        }
    }
}
