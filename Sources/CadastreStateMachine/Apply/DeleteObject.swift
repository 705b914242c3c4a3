internal import CadastreProtocol

extension Applier {
    /// Removes an object; removing what is absent is done, unless a precondition says otherwise.
    func apply(
        _ command: DeleteObject,
        for tenant: TenantID
    ) throws(StateMachineError) -> Reply {
        guard let bucket = try bucket(named: command.bucket.span, of: tenant) else {
            return .refused(.noSuchBucket)
        }
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        let place = HashedPlace(bucket.id, command.key)
        let old = try rows.object(at: place)
        if let refusal = command.precondition?.refusal(forEntityTag: old?.etag) {
            return .refused(refusal)
        }
        guard let old else { return .done() }
        let held = try usage(of: tenant)
        let change = UsageChange(from: old.size, to: nil)
        var shrunk = held
        shrunk.objects = try change.objects(from: held.objects)
        shrunk.bytes = try change.bytes(from: held.bytes)
        try rows.delete(old, at: place)
        try rows.put(shrunk, replacing: held)
        try count(change, in: bucket.id)
        return .done(number: 1, sequence: nextSequence())
    }
}
