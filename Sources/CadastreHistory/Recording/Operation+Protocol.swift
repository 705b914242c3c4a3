package import CadastreProtocol

/// How requests and replies of the protocol become operations: names are translated here, and
/// nothing is judged.
extension Operation {
    /// What was asked, an operation for each object that it changes; none of what histories do not
    /// tell of.
    ///
    /// - Parameters:
    ///   - process: Who asks.
    ///   - command: What is to be changed.
    ///   - tenant: Whose objects are meant; of a quota the command itself names the tenant.
    ///   - time: When.
    /// - Returns: The operations, whose outcome nobody knows yet.
    package static func operations(
        process: UInt64,
        _ command: Command,
        of tenant: String,
        at time: UInt64
    ) -> [Operation] {
        guard case .batch(let batch) = command else {
            return Operation(process: process, command, of: tenant, at: time).map { [$0] } ?? []
        }
        return batch.operations.compactMap { part in
            let command: Command =
                switch part {
                case .put(let put): .putObject(put)
                case .delete(let delete): .deleteObject(delete)
                }
            var operation = Operation(process: process, command, of: tenant, at: time)
            operation?.isInBatch = true
            return operation
        }
    }

    private init?(
        process: UInt64,
        _ command: Command,
        of tenant: String,
        at time: UInt64
    ) {
        let action: Action
        var tenant = tenant
        switch command {
        case .createBucket(let command): action = .createBucket(Words.encode(command.name))
        case .deleteBucket(let command): action = .deleteBucket(Words.encode(command.name))
        case .putObject(let command):
            action = .put(
                Place(Words.encode(command.bucket), command.key),
                etag: Words.encode(command.etag),
                size: command.size,
                command.precondition.map(Condition.init)
            )
        case .deleteObject(let command):
            action = .delete(
                Place(Words.encode(command.bucket), command.key),
                command.precondition.map(Condition.init)
            )
        case .createTenant(let command):
            action = .setQuota(objects: command.quota.objects, bytes: command.quota.bytes)
            tenant = Words.encode(command.name)
        case .updateTenant(let command):
            action = .setQuota(objects: command.quota.objects, bytes: command.quota.bytes)
            tenant = Words.encode(command.name)
        case .setTenantStatus, .deleteTenant, .grantService, .revokeService, .openSession,
            .expireSession, .tick, .batch:
            return nil
        }
        self.init(process: process, action, .unknown, call: time, return: nil)
        self.tenant = tenant
    }

    /// What was asked; nil of what histories do not tell of.
    package init?(process: UInt64, _ query: Query, of tenant: String, at time: UInt64) {
        let action: Action
        switch query {
        case .getObject(let bucket, let key): action = .get(Place(Words.encode(bucket), key))
        case .getUsage(let bucket): action = .usage(bucket: bucket.map { Words.encode($0) })
        case .getBucket(let name): action = .usage(bucket: Words.encode(name))
        case .listObjects(let listing):
            guard listing.delimiter.isEmpty else { return nil }
            action = .list(
                bucket: Words.encode(listing.bucket),
                prefix: listing.prefix,
                after: listing.after,
                maximum: listing.maximum
            )
        case .getTenant, .listTenants, .listBuckets, .listGrants: return nil
        }
        self.init(process: process, action, .unknown, call: time, return: nil)
        self.tenant = tenant
    }

    /// The reply to a command came.
    package mutating func answered(_ reply: Reply, index: UInt64, at time: UInt64) {
        if let refusal = reply.refusal {
            refused("\(refusal)", index: index, at: time)
            return
        }
        if case .delete = action {
            ended(.done(.removed(reply.number != 0)), index: index, at: time)
        } else {
            ended(.done(.happened), index: index, at: time)
        }
        sequence = reply.sequence == 0 ? nil : reply.sequence
    }

    /// The answer to a question came.
    package mutating func answered(
        _ answer: CadastreProtocol.Answer,
        index: UInt64,
        at time: UInt64
    ) {
        switch answer {
        case .object(let record):
            let object = Object(
                etag: Words.encode(record.etag),
                size: record.size,
                sequence: record.sequence
            )
            ended(.done(.object(object)), index: index, at: time)
        case .objects(let page):
            let items = page.items.compactMap(Item.init)
            let said = Answer.page(items, isTruncated: page.isTruncated)
            ended(.done(said), index: index, at: time)
        case .usage(let usage): answered(usage, index, time)
        case .bucket(let record): answered(record.usage, index, time)
        case .tenant, .tenants, .buckets, .grants: break
        }
    }

    private mutating func answered(_ usage: Usage, _ index: UInt64, _ time: UInt64) {
        let said = Answer.usage(objects: usage.objects, bytes: usage.bytes)
        ended(.done(said), index: index, at: time)
    }

    /// Nothing happened, for the reason with this name.
    package mutating func refused(_ reason: String, index: UInt64? = nil, at time: UInt64) {
        ended(.refused(reason), index: index, at: time)
    }

    private mutating func ended(_ outcome: Outcome, index: UInt64?, at time: UInt64) {
        self.outcome = outcome
        self.index = index == 0 ? nil : index
        returnNanoseconds = time
    }
}

extension [Operation] {
    /// Nothing happened, for the reason with this name: of a batch there is nothing to tell.
    package mutating func refused(_ reason: String, index: UInt64? = nil, at time: UInt64) {
        removeAll { $0.isInBatch }
        for place in indices { self[place].refused(reason, index: index, at: time) }
    }

    /// The reply to the command came of which these are the parts.
    ///
    /// Why a batch was refused says nothing of its other parts, nor of the one it was refused for,
    /// which stood upon those before it: nothing is left to tell. What was removed is counted over all
    /// of them: where that does not say which, it stays unknown.
    package mutating func answered(_ reply: Reply, index: UInt64, at time: UInt64) {
        guard first?.isInBatch == true else {
            for place in indices { self[place].answered(reply, index: index, at: time) }
            return
        }
        guard reply.refusal == nil else { return removeAll() }
        let deletes = count {
            if case .delete = $0.action { true } else { false }
        }
        for place in indices {
            if case .delete = self[place].action {
                guard reply.number == 0 || reply.number == deletes else { continue }
                let one = Reply.done(number: Swift.min(reply.number, 1))
                self[place].answered(one, index: index, at: time)
            } else {
                self[place].answered(.done(), index: index, at: time)
            }
        }
    }
}

extension Condition {
    fileprivate init(_ precondition: Precondition) {
        switch precondition {
        case .ifAbsent: self = .absent
        case .ifPresent: self = .present
        case .ifMatch(let tags): self = .match(tags.map { Words.encode($0) })
        }
    }
}

extension Item {
    /// An object of a list; no request of a history asks for anything else.
    fileprivate init?(_ item: ListItem) {
        guard case .object(let key, let sequence, let size, let etag, _) = item else { return nil }
        self.init(
            key: key,
            object: Object(etag: Words.encode(etag), size: size, sequence: sequence)
        )
    }
}
