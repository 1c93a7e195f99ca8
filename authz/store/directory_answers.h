// What the files of Directory do with each answer: it is counted, and one that failed says what it was about.
#pragma once

#include <optional>
#include <string>

#include "authz/store/directory.h"

namespace gerve {

template <class T>
Answer answer_of(const Result<std::optional<T>>& result) {
    if (!result) return Answer::unavailable;
    return *result ? Answer::found : Answer::missing;
}
inline Answer answer_of(const Result<Permission>& result) {
    if (!result) return Answer::unavailable;
    return result->strongest() == Access::none ? Answer::missing : Answer::found;
}

// Of an answer that failed: what was asked about, for the operator who has to find the row.
template <class T>
Result<T> about(Result<T> answer, const std::string& what) {
    if (!answer && !answer.error().detail.empty()) answer.error().detail += " (" + what + ")";
    return answer;
}

template <class T>
T Directory::counted(Query query, T result) {
    if (result || !waits_for_turn(result.error())) counters_.count(query, answer_of(result));
    return result;
}

}  // namespace gerve
