internal import CadastreProtocol

extension Answerer {
    /// The tenant's buckets ascending by name.
    func listBuckets(
        of tenant: TenantID,
        prefix: [UInt8],
        after: [UInt8],
        maximum: Int
    ) throws(StateMachineError) -> Outcome {
        let maximum = bounded(maximum)
        let found = try rows.buckets(
            of: tenant,
            prefix: prefix,
            after: after,
            maximum: maximum + 1
        )
        let page = try page(of: found, maximum: maximum) { row throws(StateMachineError) in
            try record(of: row)
        }
        return .success(.buckets(page))
    }
}
