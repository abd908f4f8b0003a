"""Chinese sentences of what a measurement left out, and of what has to be known to read it."""

TEXT = {
    "unscored.line": "{run} 未给出：{scores}。原因：{reason}。",
    "unscored.warning": "{run}：{text}。",
    "unscored.of": "{score}（{network}）",
    "unscored.part.floor": "{score}的下限",
    "unscored.part.error": "{score}的误差",
    "unscored.copies.pixels": "像素上的照抄判断",
    "unscored.copies.features": "特征上的照抄判断",
    "unscored.few_neighbours": "邻域半径取到第 {k} 近的图像，生成图像和测试图像都须多于 {k} 张；现有 {num_gen} 张和 "
    "{num_real} 张",
    "unscored.few_floor": "留出的真实图像须多于 {least} 张；现有 {num_floor} 张",
    "unscored.few_error": "两种图像都至少要有 {least} 张；现有生成图像 {num_gen} 张、测试图像 {num_real} 张",
    "unscored.few_line": "由若干样本量下的距离外推，至少需要 {least} 张生成图像；现有 {num_gen} 张",
    "unscored.no_labels": "测试图像没有标签",
    "unscored.new_class": "有生成图像属于测试图像中没有的类别，差异没有上界",
    "unscored.few_copies": "只有 {num_test} 张测试图像和 {num_gen} 张生成图像，偶然就可达 {limit}：数量太少，无从判断",
    "unscored.same_copies": "每 100 张测试图像中至少有 1 张与某张训练图像完全相同，生成图像不可能比这更接近",
    "unscored.not_shared": "这次训练没有测量，因此表中不列",
    "caution.same_gen": "在特征网络看来，全部 {num} 张生成图像都一样：只有一张图，无论评分如何",
    "caution.same_real": "在特征网络看来，全部 {num} 张测试图像都一样：评分只能说明生成图像是不是那一张图",
    "caution.ties": "{total} 张测试图像中有 {num} 张各与 {k} 张以上的其他图像完全相同，它们的邻域里只有这一张图",
    "caution.weak_network": "特征网络 {network} 对这些数据所知甚少：{num} 张留出图像中只答对 {accuracy}，"
    "而至少应为 {least_share}；它给出的评分说明不了什么",
    "caution.weak_old": "特征网络 {network} 只答对 {accuracy} 的测试图像，不到随机猜测的三倍；"
    "它给出的评分说明不了什么，请重新测量",
    "caution.weak_passed": "特征网络 {network} 未被采用，因为它对这些数据所知甚少：{num} 张留出图像中只答对 "
    "{accuracy}，而至少应为 {least_share}；改用 {instead}",
}
