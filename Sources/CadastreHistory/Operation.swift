/// One operation of a client, as the client itself saw it.
package struct Operation: Hashable, Sendable {
    /// Who asked: a number for each client that asks one thing at a time.
    package var process: UInt64
    /// Whose objects are meant: tenants do not see each other.
    package var tenant = ""
    /// What was asked.
    package var action: Action
    /// What the client was told.
    package var outcome: Outcome
    /// The log's index that the answer carried; nil if it carried none.
    ///
    /// Of a change it is that of the entry which brought the answer, so not before the change; of a
    /// question that at which it was read.
    package var index: UInt64?
    /// The place of a change in the cluster's order, as the answer said; nil if it said none.
    package var sequence: UInt64?
    /// When it was asked, in nanoseconds of one clock that all processes share.
    package var callNanoseconds: UInt64
    /// When the answer came; nil of an unknown outcome, which may still happen at any time.
    package var returnNanoseconds: UInt64?
    /// The age that the client allowed the answer to have; 0 of one that must be of now.
    package var maximumAgeNanoseconds: UInt64 = 0
    /// A change of an object that was made with others as one, so that a quota was held against what
    /// all of them came to.
    package var isInBatch = false

    /// Tells of an operation; what is not given here can be set.
    package init(
        process: UInt64,
        _ action: Action,
        _ outcome: Outcome,
        call: UInt64,
        return end: UInt64?
    ) {
        self.process = process
        self.action = action
        self.outcome = outcome
        callNanoseconds = call
        returnNanoseconds = end
    }
}

/// What is asked.
package enum Action: Hashable, Sendable {
    /// Reads a register.
    case read(register: String)
    /// Writes a register.
    case write(register: String, value: String)
    /// Writes a register if it holds what is expected; nil expects that it was never written.
    case compareAndSet(register: String, expected: String?, value: String)
    /// Puts an object.
    case put(Place, etag: String, size: UInt64, Condition?)
    /// Deletes an object.
    case delete(Place, Condition?)
    /// Reads an object.
    case get(Place)
    /// Lists objects of a bucket in the order of their keys' bytes.
    case list(bucket: String, prefix: [UInt8], after: [UInt8], maximum: Int)
    /// Reads what a bucket holds, or with nil the tenant.
    case usage(bucket: String?)
    /// Creates a bucket.
    case createBucket(String)
    /// Deletes a bucket that is empty.
    case deleteBucket(String)
    /// Bounds what the tenant may hold; nil does not.
    case setQuota(objects: UInt64?, bytes: UInt64?)
    /// No operation: a bucket, or an object that the outcome shows, was there before everything.
    case given(bucket: String, key: [UInt8]?)
}

/// Where an object is.
package struct Place: Hashable, Sendable {
    /// The bucket's name.
    package var bucket: String
    /// The key.
    package var key: [UInt8]

    /// Names a place.
    package init(_ bucket: String, _ key: [UInt8]) {
        self.bucket = bucket
        self.key = key
    }
}

/// What must hold of the object that is there.
package enum Condition: Hashable, Sendable {
    /// There is none.
    case absent
    /// There is one.
    case present
    /// Its entity tag is one of these.
    case match([String])
}

/// An object, as far as histories tell of it.
package struct Object: Hashable, Sendable {
    /// By which one put is told from another.
    package var etag: String
    /// Bytes.
    package var size: UInt64
    /// Its put's place in the cluster's order; nil if nobody said.
    package var sequence: UInt64?

    /// Tells of an object.
    package init(etag: String, size: UInt64, sequence: UInt64? = nil) {
        self.etag = etag
        self.size = size
        self.sequence = sequence
    }

    /// Whether both can be the same object: a sequence that nobody said may be any.
    func agrees(with other: Object) -> Bool {
        guard etag == other.etag, size == other.size else { return false }
        guard let sequence, let theirs = other.sequence else { return true }
        return sequence == theirs
    }
}

/// An object in a list.
package struct Item: Hashable, Sendable {
    /// Its key.
    package var key: [UInt8]
    /// What is listed of it.
    package var object: Object

    /// Tells of an item.
    package init(key: [UInt8], object: Object) {
        self.key = key
        self.object = object
    }
}

/// What the client was told.
package enum Outcome: Hashable, Sendable {
    /// Nothing, or nothing certain: it happened once, at any time after the call, or never.
    case unknown
    /// It did not happen and will not, for the reason with this name.
    case refused(String)
    /// It happened, once.
    case done(Answer)
}

/// What a client was told of something that happened.
package enum Answer: Hashable, Sendable {
    /// That it happened.
    case happened
    /// What the register held; nil if it was never written.
    case value(String?)
    /// Whether the register held what was expected, and was written.
    case swapped(Bool)
    /// Whether there was something to delete.
    case removed(Bool)
    /// The object.
    case object(Object)
    /// A page of a list, ascending, and whether more follow.
    case page([Item], isTruncated: Bool)
    /// What is held.
    case usage(objects: UInt64, bytes: UInt64)
}

extension Operation {
    /// When the answer may be from, at the earliest.
    var begin: UInt64 { callNanoseconds - min(callNanoseconds, maximumAgeNanoseconds) }

    /// Whether the outcome is not known.
    package var isUnknown: Bool { outcome == .unknown || returnNanoseconds == nil }

    /// Whether it is one of those on objects and buckets.
    var isOfObjects: Bool {
        switch action {
        case .read, .write, .compareAndSet: false
        case .put, .delete, .get, .list, .usage, .createBucket, .deleteBucket, .setQuota, .given:
            true
        }
    }

    /// Whether it asks only.
    var isQuestion: Bool {
        switch action {
        case .read, .get, .list, .usage: true
        case .write, .compareAndSet, .put, .delete, .createBucket, .deleteBucket, .setQuota,
            .given:
            false
        }
    }
}
